/** The order in which accepted events are processed: by distinct_id they keep theirs, otherwise anything goes. */
import type { AcceptedEvent } from './ingestion.ts';

/** Says how events of different distinct_ids overtake one another. Must return all of them. */
export type Reorder = (events: readonly AcceptedEvent[]) => readonly AcceptedEvent[];

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
export function interleave(events: readonly AcceptedEvent[], reorder: Reorder): AcceptedEvent[] {
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
