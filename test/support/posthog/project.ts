/** What lies behind the endpoint: ingestion, persons, and the event table with its deduplication. */
import type { AcceptedEvent } from './ingestion.ts';
import { createPersons, type Person } from './persons.ts';

/** An event as a query finds it. */
export interface StoredEvent extends AcceptedEvent {
  /** Resolved now, so a later alias takes earlier events along. */
  readonly person_id: string;
}

/** Says how events of different distinct_ids overtake one another. Must return all of them. */
export type Reorder = (events: readonly AcceptedEvent[]) => readonly AcceptedEvent[];

/** An empty project. */
export function createProject(reorder: Reorder) {
  const warnings: string[] = [];
  const persons = createPersons((warning) => warnings.push(warning));
  const table = new Map<string, AcceptedEvent>();
  let copies = 0;

  function store(event: AcceptedEvent): void {
    // The day is that of the *stored* timestamp, the column that the table is sorted by. It holds the
    // correction by `sent_at`, so a client whose clock was set between two tries, or whose event lies within
    // its latency of midnight, is stored twice by PostHog, and here too.
    const day = event.timestamp.slice(0, 10);
    table.set(JSON.stringify([day, event.event, event.distinct_id, event.uuid]), event);
    copies += 1;
  }

  function stored(): StoredEvent[] {
    return [...table.values()].map((event) => ({ ...event, person_id: persons.idFor(event.distinct_id) }));
  }

  return {
    /** Takes what the endpoint accepted. */
    ingest(events: readonly AcceptedEvent[]): void {
      for (const event of interleave(events, reorder)) if (persons.process(event)) store(event);
    },
    /** What a query finds, deduplicated, in the order of ingestion, each with its person as of now. */
    stored,
    /** Copies that deduplication has removed. */
    duplicates: () => copies - table.size,
    /** The person of a distinct_id; `undefined` while it has none (personless events do not make one). */
    personOf: (distinctId: string) => persons.of(distinctId)?.id,
    persons: (): Readonly<Person>[] =>
      persons.all().map((person) => ({ ...person, distinct_ids: [...person.distinct_ids] })),
    /** Merges refused and events dropped after a 200: `<PostHog's name for it>: <what>`. */
    warnings: warnings as readonly string[],
  };
}

/** A shuffle that comes out the same for the same seed. */
export function shuffle(seed: number): Reorder {
  const random = randomFrom(seed);
  return (events) => {
    const shuffled = [...events];
    for (const [index, event] of events.entries()) {
      const other = Math.floor(random() * (index + 1));
      // Inside-out: the one that stood at `other` moves to the end, the new one takes its place.
      shuffled[index] = shuffled[other] ?? event;
      shuffled[other] = event;
    }
    return shuffled;
  };
}

/**
 * Events as `reorder` wants them, except that those of one distinct_id stay in line: PostHog gives each
 * distinct_id one partition of its queue, whatever happens between partitions.
 */
function interleave(events: readonly AcceptedEvent[], reorder: Reorder): AcceptedEvent[] {
  const lanes = new Map<string, AcceptedEvent[]>();
  for (const event of events) {
    const lane = lanes.get(event.distinct_id);
    if (lane) lane.push(event);
    else lanes.set(event.distinct_id, [event]);
  }
  const ordered = reorder(events).flatMap((event) => lanes.get(event.distinct_id)?.shift() ?? []);
  if (ordered.length !== events.length) throw new Error('a reorder must return every event once');
  return ordered;
}

/** Numbers from 0 up to 1 out of a 32-bit state (a multiply-and-xorshift mixer on a counter). */
function randomFrom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}
