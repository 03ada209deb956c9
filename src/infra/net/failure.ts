/** How an exchange fails before its answer is whole. */

export type NetworkFailure = 'dns' | 'refused' | 'lost' | 'tls' | 'not tls' | 'timeout' | 'other';

/** What is said of it, after the name of the server. */
export const IN_WORDS: Readonly<Record<NetworkFailure, string>> = {
  dns: 'the host name could not be resolved',
  refused: 'the connection was refused',
  lost: 'the connection was lost',
  tls: 'its TLS certificate could not be verified',
  'not tls': 'it does not speak TLS',
  timeout: 'it did not answer in time',
  other: 'a network error occurred',
};

/** A proxy did not do what it was asked for: an error, or the status of its answer. */
export class ProxyFailure extends Error {
  readonly variable: string;

  constructor(variable: string, cause: unknown) {
    const rejected = cause === 407 ? 'requires a user name and password' : 'rejected the connection';
    super(typeof cause === 'number' ? `it ${rejected} (${cause})` : IN_WORDS[failureOf(cause)], { cause });
    this.variable = variable;
  }
}

/** Names the kind of a network error, be it Node's or undici's, which nests Node's below its own. */
export function failureOf(error: unknown): NetworkFailure {
  const codes = codesOf(error);
  for (const code of codes) {
    const [failure] = KINDS.find(([, pattern]) => pattern.test(code)) ?? [];
    if (failure !== undefined) return failure;
  }
  return 'other';
}

const KINDS: readonly (readonly [NetworkFailure, RegExp])[] = [
  ['dns', /^(ENOTFOUND|EAI_AGAIN|EAI_FAIL|ENODATA)$/],
  ['refused', /^ECONNREFUSED$/],
  ['timeout', /TIMEOUT$|^(ETIMEDOUT|TimeoutError|AbortError)$/],
  ['not tls', /^(EPROTO|ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG))$/],
  ['tls', /^(ERR_TLS|ERR_SSL|CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|HOSTNAME_MISMATCH|UND_ERR_PRX_TLS)/],
  [
    'lost',
    /^(ECONNRESET|EPIPE|HPE_.*|HTTPParserError|UND_ERR_(SOCKET|PRX_CONN|CLOSED|HEADERS_OVERFLOW|RES_CONTENT.*))$/,
  ],
];

function codesOf(error: unknown, depth = 0): string[] {
  if (!(error instanceof Error) || depth === 5) return [];
  const { code = '', name, cause, errors } = error as AggregateError & NodeJS.ErrnoException;
  // Of a name with several addresses, each was tried.
  return [...codesOf(errors?.[0], depth + 1), code, name, ...codesOf(cause, depth + 1)];
}
