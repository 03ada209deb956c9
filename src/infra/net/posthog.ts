/**
 * Sends a batch to PostHog and says what came of it. The only place that knows posthog-node, and the only one
 * that knows how to tell PostHog's answer from another server's.
 */
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { type EventMessage, PostHog, type PostHogOptions } from 'posthog-node';
import { parseFields } from '../fields.ts';
import { type HttpAnswer, type Network, openNetwork } from './network.ts';
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
  | { readonly kind: 'throttled'; readonly status: number; readonly retryAfter: string | undefined }
  | { readonly kind: 'unauthorized'; readonly status: number }
  | { readonly kind: 'too-large'; readonly status: 413 }
  /** At least one record of the batch is one that PostHog refuses, if it is PostHog that refuses. */
  | { readonly kind: 'invalid'; readonly status: number };

export interface Deliverer {
  /** Sends the records in one request and resolves within `limitMs`. Never rejects. */
  deliver(records: readonly WireRecord[], limitMs: number): Promise<Answer>;
  close(): void;
}

/**
 * Connects to PostHog at `host` with a project's key. One client for one batch: after an HTTP error posthog-node empties
 * its queue, so a client that outlives its batch would leave us guessing. What it resolves to counts for nothing (it
 * takes every status from 200 to 399 for success): the answer is what our own `fetch` saw.
 */
export function openDeliverer(host: string, apiKey: string): Deliverer {
  const network = openNetwork();
  const endpoint = openEndpoint(network);
  return {
    async deliver(records, limitMs) {
      let answer: Answer = { kind: 'offline', status: null };
      const client = openClient(apiKey, records.length, {
        host,
        requestTimeout: limitMs,
        fetch: async (url, { headers, body }) => {
          const signal = AbortSignal.timeout(Math.max(1, Math.ceil(limitMs)));
          const asked = endpoint.post(url, { headers, body: String(body), signal });
          answer = await asked.then(
            (came) => came.answer,
            (error) => ({ kind: error instanceof UnusableProxy ? 'proxy' : 'offline', status: null }),
          );
          if (answer.kind !== 'accepted') throw new Error(answer.kind);
          return { status: 200, text: async () => '', json: async () => ({}), headers: { get: () => null } };
        },
      });
      try {
        for (const record of records) client.capture(messageOf(record));
        await client.flush();
      } catch {
        // posthog-node repeats what our fetch has already found out.
      }
      return answer;
    },
    close: network.close,
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
  const client = openClient('phc_shown_only', records.length, {
    maxBatchSize: records.length + 1,
    fetch: async (_url, options) => {
      events = events.concat(
        (JSON.parse(String(options.body)) as { batch: Record<string, unknown>[] }).batch,
      );
      return { status: 200, text: async () => '', json: async () => ({}) };
    },
  });
  for (const record of records)
    client.capture(messageOf({ ...record, distinctId: record.distinctId || 'unbound' }));
  await client.flush();
  return events.map((event, i) => (records[i]?.distinctId === '' ? { ...event, distinct_id: null } : event));
}

/**
 * POSTHOG_CAPTURE_MODE=v1 in a user's environment selects a protocol whose `flush()` resolves on failure;
 * there is no option against it, so the field that it sets is set back.
 */
function openClient(apiKey: string, records: number, options: PostHogOptions): PostHog {
  const whole = {
    flushAt: records + 1,
    maxQueueSize: records + 1,
    flushInterval: 0,
    fetchRetryCount: 0,
    // The endpoint does it.
    disableCompression: true,
  };
  const client = new PostHog(apiKey, { ...whole, ...options });
  (client as unknown as { captureMode: string }).captureMode = 'v0';
  return client;
}

function messageOf({ distinctId, event, properties, uuid, at }: WireRecord): EventMessage {
  return { distinctId, event, properties: { ...properties }, uuid, timestamp: new Date(at) };
}

interface Post {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly signal: AbortSignal;
}

/** What answers at PostHog's address, and what its answers have taught about how it wants to be asked. */
export interface Endpoint {
  /** Sends one request, again where the address has only lost its trailing slash, or where gzip is not taken. */
  post(url: string, request: Post): Promise<{ answer: Answer; date: string | undefined }>;
}

export function openEndpoint({ send }: Pick<Network, 'send'>): Endpoint {
  let isMoved = false;
  let isPlain = false;
  return {
    async post(url, { headers, body, signal }) {
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
        else if (isRedirect(status) && !isMoved && movesSlash(url, location)) isMoved = true;
        else return { answer: judge(response), date };
      }
    },
  };
}

const compress = promisify(gzip);

/** Statuses that keep method and body (RFC 9110, 15.4). Proxies of web frameworks answer so to `/batch/`. */
const isRedirect = (status: number): boolean => status === 307 || status === 308;

function movesSlash(url: string, location: string | undefined): boolean {
  return (
    location !== undefined && URL.canParse(location, url) && new URL(location, url).href === otherSlash(url)
  );
}

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
function judge({ status, contentType, text, retryAfter }: HttpAnswer): Answer {
  if (status === 200) return isPostHogs(text) ? { kind: 'accepted', status } : { kind: 'portal', status };
  if (status === 413) return { kind: 'too-large', status };
  // What a network says that wants a login first (RFC 6585).
  if (status === 511) return { kind: 'portal', status };
  if (status === 408 || status === 425 || status === 429 || status >= 500)
    return { kind: 'throttled', status, retryAfter };
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
