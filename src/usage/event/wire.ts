/** The wire form of a stored record, and whether its text is still what this program wrote. */
import { parseFields } from '../../infra/fields.ts';
import type { WireRecord } from '../../infra/net/posthog.ts';
import { EVENT_NAMES } from './event.ts';

/** The columns of a record that go on the wire. */
export interface StoredRecord {
  readonly uuid: string;
  readonly event: string;
  readonly distinct_id: string;
  readonly personless: number;
  readonly properties: string;
  readonly spool_dropped: number;
  /** Milliseconds since the epoch. */
  readonly recorded_at: number;
}

const EVENTS = new Set<unknown>([...EVENT_NAMES, '$create_alias']);
/** ECMA-262, section 21.4.1.1: no Date is farther from 1970. */
export const LAST_TIME = 8.64e15;

/** Whether this program has written the row: a disk may change text in a way that SQLite does not notice. */
export function isReadable(
  row: Readonly<Partial<Record<'uuid' | 'event' | 'properties' | 'recorded_at', unknown>>>,
): boolean {
  const { uuid, event, properties, recorded_at: at } = row;
  if (typeof uuid !== 'string' || !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(uuid)) return false;
  if (!EVENTS.has(event) || typeof at !== 'number' || at < 0 || at > LAST_TIME) return false;
  return parseFields(String(properties)) !== undefined;
}

/**
 * A record as it is handed to posthog-node, which adds fields of its own; one that is not readable has no properties.
 * `$ignore_sent_at`: else PostHog shifts the time by what each attempt's `sent_at` differs from its clock, and an
 * attempt after midnight or after the clock was set would be stored beside the first one, for it deduplicates within
 * a day. Source: PostHog's rust/common/types/timestamp.rs and posthog/models/event/sql.py.
 */
export function wireRecord(record: StoredRecord): WireRecord {
  return {
    uuid: record.uuid,
    event: record.event,
    distinctId: record.distinct_id,
    properties: {
      ...parseFields(record.properties),
      ...(record.spool_dropped > 0 ? { spool_dropped: record.spool_dropped } : {}),
      ...(record.personless === 1 ? { $process_person_profile: false } : {}),
      $ignore_sent_at: true,
    },
    at: record.recorded_at,
  };
}
