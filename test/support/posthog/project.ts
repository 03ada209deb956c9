/** What lies behind the endpoint: ingestion, persons, and the event table with its deduplication. */
import type { AcceptedEvent } from './ingestion.ts';
import { interleave, type Reorder } from './order.ts';
import { createPersons, type Person } from './persons.ts';

/** An event as a query finds it. */
export interface StoredEvent extends AcceptedEvent {
  /** Resolved now, so a later alias takes earlier events along. */
  readonly person_id: string;
}

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
