/** Which proxy a request takes. Requests and `usage doctor` ask here, so they cannot disagree. */

/** The variables that lead to the network, by name, as the environment has them. */
export type NetworkVariables = Readonly<Record<string, string | undefined>>;

export interface ProxyChoice {
  readonly url: URL;
  /** The variable that names it. */
  readonly variable: string;
}

/** A proxy variable that holds no address of a proxy. It never shows the value, which may hold a password. */
export class UnusableProxy extends Error {
  readonly variable: string;

  constructor(variable: string) {
    super(`${variable} does not hold the address of an HTTP or SOCKS5 proxy`);
    this.name = 'UnusableProxy';
    this.variable = variable;
  }
}

/**
 * The proxy for `url`, or undefined. As Python's httpx decides it: the lower-case name first, ALL_PROXY where the
 * scheme has no variable of its own, an address without a scheme is HTTP, a name in NO_PROXY covers its subdomains.
 * Unlike httpx, this machine is never reached through a proxy. Throws UnusableProxy.
 */
export function proxyFor(url: URL, variables: NetworkVariables): ProxyChoice | undefined {
  if (isLoopback(url.hostname)) return undefined;
  const names = [`${url.protocol.replace(':', '')}_proxy`, 'all_proxy'];
  const variable = names.map((name) => setName(name, variables)).find((name) => variables[name]?.trim());
  if (variable === undefined || isExempt(url, variables[setName('no_proxy', variables)] ?? ''))
    return undefined;
  const value = variables[variable]?.trim() ?? '';
  const address = value.includes('://') ? value : `http://${value}`;
  if (!URL.canParse(address)) throw new UnusableProxy(variable);
  // undici always has a SOCKS5 proxy resolve the name, which is what socks5h asks for.
  const proxy = new URL(address.replace(/^socks5h:/i, 'socks5:'));
  if (!['http:', 'https:', 'socks5:'].includes(proxy.protocol) || proxy.hostname === '')
    throw new UnusableProxy(variable);
  proxy.username = decodable(proxy.username);
  proxy.password = decodable(proxy.password);
  return { url: proxy, variable };
}

/** undici decodes it; a percent sign that begins no code stands for itself. */
function decodable(text: string): string {
  return text.replace(/%(?![0-9a-f]{2})/gi, '%25');
}

function setName(name: string, variables: NetworkVariables): string {
  return variables[name] === undefined ? name.toUpperCase() : name;
}

function isLoopback(hostname: string): boolean {
  const name = hostname.replace(/\.$/, '');
  return /^(localhost|.*\.localhost|127\.\d+\.\d+\.\d+|0\.0\.0\.0|\[::1?\]|\[::ffff:7f[0-9a-f]{2}:[0-9a-f]+\])$/.test(
    name,
  );
}

function isExempt({ hostname, port, protocol }: URL, noProxy: string): boolean {
  const name = hostname.replace(/^\[|\]$|\.$/g, '');
  const wantedPort = port || (protocol === 'https:' ? '443' : '80');
  return noProxy
    .toLowerCase()
    .split(/[,\s]+/)
    .map((entry) => (entry.startsWith(`${protocol}//`) ? entry.slice(`${protocol}//`.length) : entry))
    .some((entry) => {
      if (entry === '*') return true;
      const [, bracketed, plain = '', onlyPort] = /^(?:\[(.+)\]|(.+?))(?::(\d+))?$/.exec(entry) ?? [];
      // All colons of an IPv6 address without brackets are its own.
      const isBareIpv6 = bracketed === undefined && entry.split(':').length > 2;
      const host = isBareIpv6 ? entry : (bracketed ?? plain.replace(/^\*?\./, '').replace(/\.$/, ''));
      if (host === '' || (!isBareIpv6 && onlyPort !== undefined && onlyPort !== wantedPort)) return false;
      return name === host || name.endsWith(`.${host}`);
    });
}
