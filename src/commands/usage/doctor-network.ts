/** Checks of the way to the destination: settings first, then the way itself. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Probe } from '../../infra/probe.ts';
import { LIMITS, type Settings } from '../../settings.ts';
import { type Checked, passed } from '../../usage/finding.ts';
import { inWords } from './words.ts';

/** Checks the destination, the proxies and the certificates that are set. Opens no connection. */
export function checkSettings(settings: Settings): Checked[] {
  return [
    checkConsent(settings),
    checkDestination(settings),
    checkProxy(settings),
    ...checkCertificates(settings),
  ];
}

function checkConsent({ consent }: Settings): Checked {
  if (consent.enabled) return passed('consent', 'No variable switches recording off.');
  return {
    code: 'consent',
    severity: 'info',
    message: `${consent.decidedBy} switches recording off.`,
    advice: `Unset ${consent.decidedBy} if you want usage to be recorded.`,
  };
}

function checkDestination({ destination: { host, apiKey } }: Settings): Checked {
  const url = URL.parse?.(host) ?? parse(host);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    return {
      code: 'destination',
      severity: 'error',
      message: 'ARCADE_POSTHOG_HOST is not an address of the form https://host.',
      advice: 'Correct it, or unset it to use the default.',
    };
  }
  if (apiKey === undefined) {
    return {
      code: 'destination',
      severity: 'info',
      message: 'This build has no project key: events are recorded and never sent.',
      advice: 'Set ARCADE_POSTHOG_API_KEY to send them.',
    };
  }
  return passed('destination', `Events go to ${url.origin}.`);
}

function parse(text: string): URL | null {
  try {
    return new URL(text);
  } catch {
    return null;
  }
}

/** The proxy that requests to the destination go through; undefined for none, null for one that is no address. */
function proxyOf({ flusherEnvironment, destination }: Settings): URL | undefined | null {
  const url = parse(destination.host);
  if (url === null) return undefined;
  const value = (name: string): string | undefined =>
    Object.entries(flusherEnvironment).find(([key]) => key.toLowerCase() === name)?.[1] || undefined;
  const proxy =
    url.protocol === 'https:' ? (value('https_proxy') ?? value('http_proxy')) : value('http_proxy');
  if (proxy === undefined || isExempt(url, value('no_proxy') ?? '')) return undefined;
  const parsed = parse(proxy);
  return parsed !== null && /^https?:$/.test(parsed.protocol) ? parsed : null;
}

function isExempt({ hostname, port, protocol }: URL, noProxy: string): boolean {
  const own = port || (protocol === 'https:' ? '443' : '80');
  return noProxy.split(/[,\s]+/).some((entry) => {
    if (entry === '*') return true;
    const [, name = '', only] = /^\*?\.?(.*?)(?::(\d+))?$/.exec(entry.toLowerCase()) ?? [];
    if (name === '' || (only !== undefined && only !== own)) return false;
    return hostname === name || hostname.endsWith(`.${name}`);
  });
}

function checkProxy(settings: Settings): Checked {
  const proxy = proxyOf(settings);
  if (proxy === null) {
    return {
      code: 'proxy',
      severity: 'error',
      message: 'The proxy variable for the destination is not an address of the form http://host:port.',
      advice: 'Correct HTTPS_PROXY or HTTP_PROXY, or name the destination in NO_PROXY.',
    };
  }
  // Without what a proxy's address may hold of a password.
  return passed(
    'proxy',
    proxy === undefined ? 'No proxy is used.' : `Requests go through the proxy ${proxy.host}.`,
  );
}

function checkCertificates({ flusherEnvironment }: Settings): Checked[] {
  const path = flusherEnvironment.NODE_EXTRA_CA_CERTS;
  if (path === undefined || path === '') return [];
  try {
    const blocks = readFileSync(path, 'utf8').match(
      /-----BEGIN [^-]*CERTIFICATE-----[^-]+-----END [^-]*CERTIFICATE-----/g,
    );
    const dates = (blocks ?? []).map((pem) => new X509Certificate(pem));
    if (dates.length > 0)
      return [
        passed(
          'certificates',
          `NODE_EXTRA_CA_CERTS adds ${dates.length} certificate${dates.length === 1 ? '' : 's'}.`,
        ),
      ];
  } catch {
    // Told below: Node itself says nothing of it to a detached program.
  }
  return [
    {
      code: 'certificates',
      severity: 'error',
      message: 'NODE_EXTRA_CA_CERTS names a file that cannot be read or holds no certificate.',
      advice: 'Correct the path, or unset it.',
    },
  ];
}

/** Tries the destination. Sends no event. */
export async function checkNetwork(settings: Settings): Promise<Checked[]> {
  const { host, apiKey } = settings.destination;
  const proxy = proxyOf(settings);
  if (parse(host) === null || proxy === null) return [];
  const { probe } = await import('../../infra/probe.ts');
  const probed = await probe({ host, apiKey: apiKey ?? '', proxy, limitMs: LIMITS.connectMs });
  return [...probed.steps.map(stepChecked), ...judged(probed, apiKey !== undefined), ...skew(probed)];
}

const STEP_ADVICE = {
  DNS: 'Check the network and its name server; offline, events wait and are sent later.',
  TCP: 'A firewall may be in between: HTTPS_PROXY names a proxy. Events wait meanwhile.',
  TLS: 'If your network inspects TLS, name its certificate in NODE_EXTRA_CA_CERTS.',
  HTTP: 'Something cuts the request off; try another network. Events wait meanwhile.',
} as const;

function stepChecked({ name, ok, what, result, durationMs }: Probe['steps'][number]): Checked {
  const code = `network-${name.toLowerCase()}`;
  if (ok) return passed(code, `${name} ${what}: ${result}, after ${durationMs} ms.`);
  return { code, severity: 'error', message: `${name} ${what}: ${result}.`, advice: STEP_ADVICE[name] };
}

function judged({ answer }: Probe, keyed: boolean): Checked[] {
  const code = 'network-answer';
  switch (answer?.kind) {
    case undefined:
      return [];
    case 'accepted':
    case 'invalid':
    case 'too-large':
      return [passed(code, 'PostHog answers, and would take events.')];
    case 'unauthorized':
      if (!keyed) return [passed(code, 'PostHog answers; it misses a project key, as this build has none.')];
      return [
        {
          code,
          severity: 'error',
          message: `PostHog does not accept the project key (status ${answer.status}).`,
          advice: 'Check ARCADE_POSTHOG_API_KEY: a project key begins with phc_.',
        },
      ];
    case 'throttled':
      return [
        {
          code,
          severity: 'warning',
          message: `PostHog answers that it cannot take events now (status ${answer.status}).`,
          advice: 'Nothing to do: events wait and are sent later.',
        },
      ];
    default:
      return [
        {
          code,
          severity: 'error',
          message: `Something else answers in PostHog's place (status ${answer?.status}).`,
          advice:
            'On a guest network, open a web page and sign in first; else check ARCADE_POSTHOG_HOST and the proxy.',
        },
      ];
  }
}

const SKEW_MS = 5 * 60_000;

function skew({ clockAheadMs }: Probe): Checked[] {
  if (clockAheadMs === null) return [];
  const apart = Math.abs(clockAheadMs);
  if (apart <= SKEW_MS) return [passed('network-clock', "The clock agrees with the server's.")];
  return [
    {
      code: 'network-clock',
      severity: 'warning',
      message: `This clock is ${inWords(apart)} ${clockAheadMs > 0 ? 'ahead of' : 'behind'} the server's.`,
      advice: 'Set it, or let the network set it: events are recorded with the times it tells.',
    },
  ];
}
