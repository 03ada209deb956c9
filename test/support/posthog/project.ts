/** What lies behind the endpoint: ingestion, persons, and the event table with its deduplication. */
import type { AcceptedEvent } from './ingestion.ts';
import { interleave, type Reorder } from './order.ts';
import { createPersons, type Person } from './persons.ts';

/** An event as a query finds it. */
export interface StoredEvent extends AcceptedEvent {
  /** Resolved now, so a later alias takes earlier events along. */
  readonly person_id: string;
}

/** The one project of the stand-in. */
export interface Project {
  /** Takes what the endpoint accepted. It is ingested when the function returned here is called. */
  receive(events: readonly AcceptedEvent[]): () => void;
  stored(): StoredEvent[];
  duplicates(): number;
  personOf(distinctId: string): string | undefined;
  personOfEvent(uuid: string): string | undefined;
  persons(): Readonly<Person>[];
  readonly warnings: string[];
}

interface ProjectOptions {
  /** Keys of the project; any other is answered 200 and its events are dropped. Without it every key is one. */
  readonly knownKeys: readonly string[] | undefined;
  readonly reorder: Reorder;
  /** Whether requests in flight at the same time are reordered together. */
  readonly acrossRequests: boolean;
}

/** An empty project. */
export function createProject({ knownKeys, reorder, acrossRequests }: ProjectOptions): Project {
  const warnings: string[] = [];
  const persons = createPersons((warning) => warnings.push(warning));
  const table = new Map<string, AcceptedEvent>();
  let copies = 0;
  const received: AcceptedEvent[] = [];

  function receive(events: readonly AcceptedEvent[]): () => void {
    if (!acrossRequests) return () => ingest(events);
    received.push(...events);
    // Whoever is answered first takes along what the others, still waiting for their answer, have handed in.
    return () => ingest(received.splice(0));
  }

  function ingest(events: readonly AcceptedEvent[]): void {
    for (const event of interleave(events, reorder)) {
      if (knownKeys && !knownKeys.includes(event.api_key)) warnings.push(`unknown_key: ${event.api_key}`);
      else if (persons.process(event)) store(event);
    }
  }

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
    receive,
    stored,
    duplicates: () => copies - table.size,
    personOf: (distinctId) => persons.of(distinctId)?.id,
    personOfEvent: (uuid) => stored().find((event) => event.uuid === uuid.toLowerCase())?.person_id,
    persons: () => persons.all().map((person) => ({ ...person, distinct_ids: [...person.distinct_ids] })),
    warnings,
  };
}
