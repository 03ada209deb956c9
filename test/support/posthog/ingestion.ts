/** The endpoint's judgement: a batch is accepted whole or refused whole. */
import { randomUUID } from 'node:crypto';
import { Refusal } from './requests.ts';

/** An event that passed, on its way to the project. */
export interface AcceptedEvent {
  readonly api_key: string;
  readonly uuid: string;
  readonly event: string;
  readonly distinct_id: string;
  readonly properties: Readonly<Record<string, unknown>>;
  /** The time that the client claimed, as it wrote it. */
  readonly sent_timestamp: string | undefined;
  /** The time that is stored, ISO 8601. */
  readonly timestamp: string;
}

type Fields = Record<string, unknown>;

const MAX_DISTINCT_ID = 200;
const MAX_EVENT_BYTES = 1_000_000;
/** PostHog reads 127 levels of arrays and objects, the outermost included. */
const MAX_DEPTH = 127;
const FUTURE_LIMIT_MS = 23 * 3_600_000;
const UUID = /^([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})$/i;

/** The events of a request's body. Throws a `Refusal` when there is anything wrong with any of them. */
export function accept(text: string, now: number): AcceptedEvent[] {
  const body = parse(text);
  const batch = batchOf(body).map(shapeOf);
  const apiKey = apiKeyOf(body);
  const events = batch.map((fields) => eventOf(fields, apiKey, Date.parse(`${body.sent_at}`), now));
  // Last, as in PostHog, where it is the sink that refuses what is too large for it.
  for (const fields of batch) {
    const tooLarge = Buffer.byteLength(JSON.stringify(fields)) > MAX_EVENT_BYTES;
    if (tooLarge) throw new Refusal(413, 'maximum event size exceeded');
  }
  return events;
}

function parse(text: string): Fields {
  const objection = objectionTo(text);
  if (objection !== undefined) throw unreadable(objection);
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (error) {
    throw new Refusal(400, `failed to parse request: ${String(error)}`, error);
  }
  if (!isFields(body)) throw unreadable('data did not match any variant of untagged enum RawRequest');
  return body;
}

/**
 * Why PostHog refuses a text that JavaScript would read, or `undefined`: Rust's JSON reader is stricter about half of a
 * surrogate pair, and depth. The raw text is scanned, because a parsed value hides what a repeated key has overwritten.
 * A half pair can only stand there as an escape: the text itself was decoded from valid UTF-8.
 */
function objectionTo(text: string): string | undefined {
  let depth = 0;
  let quoted = false;
  let at = 0;
  while (at < text.length) {
    const char = text[at];
    let width = 1;
    if (char === '"') quoted = !quoted;
    else if (quoted && char === '\\') width = escapeWidth(text, at);
    else if (!quoted && (char === '{' || char === '[')) depth += 1;
    else if (!quoted && (char === '}' || char === ']')) depth -= 1;
    if (width === 0) return 'lone surrogate in hex escape';
    if (depth > MAX_DEPTH) return 'recursion limit exceeded';
    at += width;
  }
  return undefined;
}

/** Characters of the escape (or the pair of escapes) at `at`; 0 for half a pair. */
function escapeWidth(text: string, at: number): number {
  const [first, second] = [text.slice(at, at + 6), text.slice(at + 6, at + 12)];
  if (!/^\\u/.test(first)) return 2;
  if (/^\\ud[89ab]/i.test(first)) return /^\\ud[c-f]/i.test(second) ? 12 : 0;
  return /^\\ud[c-f]/i.test(first) ? 0 : 6;
}

function batchOf(body: Fields): unknown[] {
  if (!Array.isArray(body.batch)) throw unreadable('missing field `batch`');
  if (body.batch.length === 0) throw new Refusal(400, 'request holds no event');
  return body.batch;
}

/** What the reader itself demands of an event, before anyone looks at the values. */
function shapeOf(event: unknown): Fields {
  if (!isFields(event)) throw unreadable('an event is not an object');
  const { uuid, timestamp, properties } = event;
  if (typeof event.event !== 'string') throw unreadable('missing field `event`');
  if (!isNothing(uuid) && uuid !== '' && !UUID.test(`${uuid}`)) throw unreadable('uuid parsing failed');
  if (!isNothing(timestamp) && typeof timestamp !== 'string') throw unreadable('timestamp is not a string');
  if (properties !== undefined && !isFields(properties)) throw unreadable('properties are not a map');
  for (const map of [event.$set, event.$set_once]) {
    if (!isNothing(map) && !isFields(map)) throw unreadable('$set is not a map');
  }
  return event;
}

function apiKeyOf(body: Fields): string {
  const raw = body.api_key ?? body.token;
  if (isNothing(raw)) throw new Refusal(401, 'event submitted without an api_key');
  if (typeof raw !== 'string') throw unreadable('api_key is not a string');
  const key = raw.trim();
  const flaws = {
    empty: key === '',
    too_long: key.length > 64,
    not_ascii: /[^\0-\x7f]/.test(key),
    personal_api_key: key.startsWith('phx_'),
    null_byte: key.includes('\0'),
  };
  for (const [flaw, found] of Object.entries(flaws)) {
    if (found) throw new Refusal(401, `API key is not valid: ${flaw}`);
  }
  return key;
}

function eventOf(fields: Fields, apiKey: string, sentAt: number, now: number): AcceptedEvent {
  const event = `${fields.event}`;
  if (event === '') throw new Refusal(400, 'event submitted with an empty event name');
  const properties = isFields(fields.properties) ? fields.properties : {};
  const claimed = typeof fields.timestamp === 'string' ? fields.timestamp : undefined;
  const skew = Number.isNaN(sentAt) || properties.$ignore_sent_at === true ? 0 : sentAt - now;
  return {
    api_key: apiKey,
    // The hyphenless form is a UUID, too; without one PostHog makes one up, and a resend is a new event.
    uuid: fields.uuid ? `${fields.uuid}`.toLowerCase().replace(UUID, '$1-$2-$3-$4-$5') : randomUUID(),
    event,
    distinct_id: distinctIdOf(fields, properties),
    properties,
    sent_timestamp: claimed,
    timestamp: new Date(storedTime(Date.parse(`${claimed}`) - skew, now)).toISOString(),
  };
}

function distinctIdOf(fields: Fields, properties: Fields): string {
  const raw = fields.distinct_id ?? fields.$distinct_id ?? properties.distinct_id;
  const id = typeof raw === 'string' ? raw : isNothing(raw) ? '' : JSON.stringify(raw);
  if (id.trim() === '') throw new Refusal(400, 'event submitted without a distinct_id');
  return [...id.replaceAll('\0', '\ufffd')].slice(0, MAX_DISTINCT_ID).join('');
}

function storedTime(corrected: number, now: number): number {
  return Number.isNaN(corrected) || corrected - now > FUTURE_LIMIT_MS ? now : corrected;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isNothing(value: unknown): value is null | undefined {
  return value === null || value === undefined;
}

function unreadable(why: string): Refusal {
  return new Refusal(400, `failed to parse request: ${why}`);
}
