/** What arrives on the wire: the record that a test reads, and the way from bytes to text. */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { Fault } from './faults.ts';

/** A request that PostHog does not accept: nothing of it is stored. */
export class Refusal extends Error {
  readonly status: 400 | 401 | 413;

  constructor(status: 400 | 401 | 413, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'Refusal';
    this.status = status;
  }
}

/** An event as the client wrote it: typed for a test's convenience, checked by nobody. */
export interface WireEvent {
  readonly event: string;
  readonly distinct_id: string;
  readonly uuid?: string;
  readonly timestamp?: string;
  readonly properties: Readonly<Record<string, unknown>>;
}

/** One request and what became of it; the fields below `kind` are filled in as it goes. */
export interface RecordedRequest {
  /** When it arrived, by the stand-in's clock, in milliseconds. */
  readonly at: number;
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** `v1` is the other protocol, which nobody here should ever speak. */
  readonly kind: 'batch' | 'v1' | 'other';
  /** The body as text, decompressed; empty when it was not read or is not text. */
  rawBody: string;
  /** The body parsed; `undefined` when it is not JSON. */
  body: { readonly api_key?: string; readonly sent_at?: string; readonly batch?: unknown } | undefined;
  /** The events in the body; none when there is no batch. */
  batch: readonly WireEvent[];
  fault: Fault | undefined;
  /** The HTTP status answered; `aborted` when the client left while it was still sending. */
  status: number | 'reset' | 'hung' | 'aborted' | 'pending';
}

/** The record of a request whose body has not been read yet. */
export function begin(request: IncomingMessage, at: number): RecordedRequest {
  const path = new URL(request.url ?? '/', 'http://localhost').pathname;
  return {
    at,
    method: request.method ?? '',
    path,
    headers: request.headers,
    kind: path === '/batch/' || path === '/batch' ? 'batch' : isV1(path) ? 'v1' : 'other',
    rawBody: '',
    body: undefined,
    batch: [],
    fault: undefined,
    status: 'pending',
  };
}

function isV1(path: string): boolean {
  return path.replace(/\/$/, '') === '/i/v1/analytics/events';
}

/** Reads the body into the record. Throws a `Refusal`, or whatever the socket throws when the client leaves. */
export async function readBody(request: IncomingMessage, record: RecordedRequest): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const bytes = await decompress(Buffer.concat(chunks), record.headers);
  try {
    // Fatal: a surrogate smuggled in as UTF-8 bytes is no text either.
    record.rawBody = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new Refusal(400, 'failed to decode request: invalid body encoding', error);
  }
  try {
    record.body = JSON.parse(record.rawBody);
  } catch {
    return; // what is not JSON stays readable in `rawBody`; refusing it is the endpoint's business
  }
  if (Array.isArray(record.body?.batch)) record.batch = record.body.batch;
}

async function decompress(bytes: Buffer, headers: IncomingHttpHeaders): Promise<Buffer> {
  const magic = bytes[0] === 0x1f && bytes[1] === 0x8b;
  if (headers['content-encoding'] !== 'gzip' && !magic) return bytes;
  try {
    return await promisify(gunzip)(bytes);
  } catch (error) {
    throw new Refusal(400, 'failed to decode request: invalid gzip data', error);
  }
}
