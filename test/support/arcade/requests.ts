/** What arrives on the wire, kept for tests to read. */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Fault } from './faults.ts';

/** One request and what became of it; the fields from `body` on are filled in as it goes. */
export interface RecordedRequest {
  /** When it arrived, in milliseconds. */
  readonly at: number;
  readonly method: string;
  /** As it stood in the request line. */
  readonly target: string;
  /** Whom the client wanted to reach: a host other than ours was asked for through us as a proxy. */
  readonly host: string;
  /** Neither decoded nor normalized. */
  readonly path: string;
  /** Without its question mark; neither decoded nor normalized. */
  readonly query: string;
  readonly headers: IncomingHttpHeaders;
  body: string;
  /** The body parsed; `undefined` when it is not JSON. */
  json: unknown;
  /** The body's fields; empty when it is not a form. */
  form: Readonly<Record<string, string>>;
  fault: Fault | undefined;
  /** The HTTP status answered; `aborted` when the client left before. */
  status: number | 'reset' | 'hung' | 'aborted' | 'pending';
}

/** The record of a request whose body has not been read yet. */
export function begin(request: IncomingMessage): RecordedRequest {
  const { method = '', url: target = '', headers } = request;
  const proxied = /^[a-z]+:\/\/([^/?#]*)(.*)$/i.exec(target);
  const host = method === 'CONNECT' ? target : (proxied?.[1] ?? headers.host ?? '');
  const local = method === 'CONNECT' ? '' : (proxied?.[2] ?? target);
  const [path = '', ...query] = local.split('?');
  return {
    at: Date.now(),
    method,
    target,
    host,
    path,
    query: query.join('?'),
    headers,
    body: '',
    json: undefined,
    form: {},
    fault: undefined,
    status: 'pending',
  };
}

/** Reads the body into the record. Throws whatever the socket throws when the client leaves. */
export async function readBody(request: IncomingMessage, record: RecordedRequest): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  record.body = Buffer.concat(chunks).toString();
  const type = record.headers['content-type'] ?? '';
  if (type.startsWith('application/x-www-form-urlencoded')) {
    record.form = Object.fromEntries(new URLSearchParams(record.body));
  }
  try {
    if (type.startsWith('application/json')) record.json = JSON.parse(record.body);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error; // refusing bad JSON is the route's business
  }
}

/** The path's segments, each decoded once; `undefined` when an escape is broken. */
export function segmentsOf(path: string): string[] | undefined {
  try {
    return path.split('/').slice(1).map(decodeURIComponent);
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}

/** The token of `Authorization: Bearer …`; empty without one. */
export function bearerOf({ headers }: RecordedRequest): string {
  return /^bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1] ?? '';
}
