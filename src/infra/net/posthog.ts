/**
 * Sends a batch to PostHog and says what came of it. The only place that knows posthog-node, and the only one
 * that knows how to tell PostHog's answer from another server's.
 */
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { type EventMessage, PostHog, type PostHogOptions } from 'posthog-node';
import { parseFields } from '../fields.ts';
import { type Exchange, type HttpAnswer, send } from './network.ts';
import { UnusableProxy } from './proxy.ts';

export interface WireRecord {
  readonly uuid: string;
  readonly event: string;
  readonly distinctId: string;
  readonly properties: Readonly<Record<string, unknown>>;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** What became of a batch. Only 'accepted' means that PostHog has it. */
export type Answer =
  | { readonly kind: 'accepted'; readonly status: 200 }
  /** No answer at all. */
  | { readonly kind: 'offline'; readonly status: null }
  /** The address of the proxy cannot be used. */
  | { readonly kind: 'proxy'; readonly status: null }
  /** An answer, but not PostHog's: a captive portal, a proxy, another server. */
  | { readonly kind: 'portal'; readonly status: number }
  | { readonly kind: 'throttled'; readonly status: number; readonly retryAfterMs: number | undefined }
  | { readonly kind: 'unauthorized'; readonly status: number }
  | { readonly kind: 'too-large'; readonly status: 413 }
  /** At least one record of the batch is one that PostHog refuses, if it is PostHog that refuses. */
  | { readonly kind: 'invalid'; readonly status: number };

/** Sends the records in one request and resolves within `limitMs`. Never rejects. */
export type Deliver = (records: readonly WireRecord[], limitMs: number) => Promise<Answer>;

/** The way to PostHog at `host` with a project's key. */
export function deliverTo(host: string, apiKey: string): Deliver {
  const post = openEndpoint();
  return async (records, limitMs) => {
    let answer: Answer = { kind: 'offline', status: null };
    await capture(records, apiKey, {
      host,
      requestTimeout: limitMs,
      fetch: async (url, { headers, body }) => {
        const signal = AbortSignal.timeout(Math.max(1, Math.ceil(limitMs)));
        answer = await post(url, { headers, body: String(body), signal }).then(
          (came) => came.answer,
          (error) => ({ kind: error instanceof UnusableProxy ? 'proxy' : 'offline', status: null }),
        );
        if (answer.kind !== 'accepted') throw new Error(answer.kind);
        return TAKEN;
      },
    });
    return answer;
  };
}

/** The event object of a record as it goes on the wire (see `postHogEvents`). */
export async function postHogEvent(record: WireRecord): Promise<Record<string, unknown>> {
  return (await postHogEvents([record]))[0] ?? {};
}

/**
 * The event objects of records as they go on the wire, posthog-node's own fields included. posthog-node makes
 * them, and nothing is sent. An unbound record (distinctId '') is shown with null.
 */
export async function postHogEvents(records: readonly WireRecord[]): Promise<Record<string, unknown>[]> {
  let events: Record<string, unknown>[] = [];
  const bound = records.map((record) => ({ ...record, distinctId: record.distinctId || 'unbound' }));
  await capture(bound, 'phc_shown_only', {
    fetch: async (_url, { body }) => {
      events = (JSON.parse(String(body)) as { batch: Record<string, unknown>[] }).batch;
      return TAKEN;
    },
  });
  return events.map((event, i) => (records[i]?.distinctId === '' ? { ...event, distinct_id: null } : event));
}

/** What posthog-node takes for success. */
const TAKEN = { status: 200, text: async () => '', json: async () => ({}), headers: { get: () => null } };

/**
 * Has posthog-node make one request of the records, for our own `fetch`. One client for one batch: after an HTTP error it
 * empties its queue, so a client that outlives its batch would leave us guessing. What it resolves to counts for nothing,
 * for it takes every status from 200 to 399 for success. Never rejects.
 */
async function capture(
  records: readonly WireRecord[],
  apiKey: string,
  options: PostHogOptions,
): Promise<void> {
  const more = records.length + 1;
  const client = new PostHog(apiKey, {
    flushAt: more,
    maxQueueSize: more,
    flushInterval: 0,
    fetchRetryCount: 0,
    // The endpoint does it.
    disableCompression: true,
    ...options,
  });
  // POSTHOG_CAPTURE_MODE=v1 in a user's environment selects a protocol whose `flush()` resolves on failure; there is no
  // option against it.
  (client as unknown as { captureMode: string }).captureMode = 'v0';
  for (const record of records) client.capture(messageOf(record));
  // posthog-node repeats what our fetch has already found out.
  await client.flush().catch(() => undefined);
}

function messageOf({ distinctId, event, properties, uuid, at }: WireRecord): EventMessage {
  return { distinctId, event, properties: { ...properties }, uuid, timestamp: new Date(at) };
}

interface Post extends Pick<Exchange, 'headers' | 'signal'> {
  readonly body: string;
}

/** Sends one request, again where the address has only lost its trailing slash, or where gzip is not taken. */
type Endpoint = (url: string, post: Post) => Promise<{ answer: Answer; date: string | undefined }>;

/** What answers at PostHog's address: what it has taught about how it wants to be asked is kept for the next request. */
export function openEndpoint(): Endpoint {
  let isMoved = false;
  let isPlain = false;
  return async (url, { headers, body, signal }) => {
    for (;;) {
      const isGzip = !isPlain;
      const response = await send(isMoved ? otherSlash(url) : url, {
        method: 'POST',
        headers: isGzip ? { ...headers, 'Content-Encoding': 'gzip' } : { ...headers },
        body: isGzip ? await compress(body) : body,
        signal,
      });
      const { status, location, date } = response;
      if (status === 415 && isGzip) isPlain = true;
      else if (!isMoved && isRedirect(status) && URL.parse(location ?? '', url)?.href === otherSlash(url))
        isMoved = true;
      else return { answer: judge(response), date };
    }
  };
}

const compress = promisify(gzip);

/** Statuses that keep method and body (RFC 9110, 15.4). Proxies of web frameworks answer so to `/batch/`. */
const isRedirect = (status: number): boolean => status === 307 || status === 308;

/** The same address with a trailing slash if it had none, and the other way round. */
function otherSlash(url: string): string {
  const other = new URL(url);
  other.pathname = other.pathname.endsWith('/') ? other.pathname.slice(0, -1) : `${other.pathname}/`;
  return other.href;
}

/**
 * What an answer says, and whether it is PostHog's. Source of the statuses: PostHog's rust/capture,
 * v0_endpoint.rs and api.rs.
 */
function judge({ status, contentType, text, retryAfterMs }: HttpAnswer): Answer {
  if (status === 200) return isPostHogs(text) ? { kind: 'accepted', status } : { kind: 'portal', status };
  if (status === 413) return { kind: 'too-large', status };
  // What a network says that wants a login first (RFC 6585).
  if (status === 511) return { kind: 'portal', status };
  if (status === 408 || status === 425 || status === 429 || status >= 500)
    return { kind: 'throttled', status, retryAfterMs };
  // PostHog refuses in JSON or in plain text; a page comes from something on the way to it.
  if (/html/i.test(contentType)) return { kind: 'portal', status };
  if (status === 401 || status === 403) return { kind: 'unauthorized', status };
  if (status === 400 || status === 422) return { kind: 'invalid', status };
  return { kind: 'portal', status };
}

function isPostHogs(text: string): boolean {
  const status = parseFields(text)?.status;
  // 1: PostHog before its capture service was written in Rust (posthog/api/capture.py).
  return status === 'Ok' || status === 1;
}
