/** The verdict: on whose persons the events of a history have ended, and on whose they belong. */
import type { Recorded } from './oracle-events.ts';
import type { Sink } from './sink.ts';
import type { Who } from './steps.ts';

/** What PostHog knows in the end. */
export type Persons = Pick<Sink, 'linksByOther' | 'accountsWith'>;

/** The anon_ids that are not where they were to be joined. */
export function unjoined(joins: ReadonlyMap<string, Who>, sink: Persons): string[] {
  const wrong: string[] = [];
  for (const [anonId, who] of joins) {
    // Whether the other program's own alias has arrived is its business.
    if (sink.linksByOther(anonId).length > 0) continue;
    if (!sink.accountsWith(anonId).includes(who)) wrong.push(`${anonId} was not joined to ${who}`);
  }
  return wrong;
}

/** What is wrong with an event that was sent under this id. */
export function misplaced(event: Recorded, sink: Persons, distinctId: string | undefined): string[] {
  if (distinctId === undefined) return [];
  const wrong: string[] = [];
  const found = sink.accountsWith(distinctId);
  // What the other program links after an event was sent takes it along; before, it must not have been sent so.
  const links = sink.linksByOther(distinctId).filter((link) => link.moment > event.releasedAt);
  const allowed = new Set<Who>(links.map((link) => link.who));
  if (event.owner !== null) allowed.add(event.owner);
  if (event.kind === 'anonymous' || event.forgotten || (event.kind === 'spilled' && event.owner === null))
    for (const { mayBe } of [event.stretch, ...event.later]) for (const who of mayBe) allowed.add(who);
  // That the anon_id of a usage.json is an account's, only the lost database knew.
  if (event.forgotten && event.anonId === distinctId) for (const who of found) allowed.add(who);
  const strangers = found.filter((who) => !allowed.has(who));
  const what = `event ${event.label}, ${event.kind}${event.owner === null ? '' : ` ${event.owner}`}`;
  if (strangers.length > 0) wrong.push(`${what}, is on the person of ${strangers}`);
  if (found.length > 1) wrong.push(`${what}, is on a person that joins ${found}`);
  if (event.certain && event.owner !== null && !found.includes(event.owner)) {
    wrong.push(`${what}, is not on its owner's person but ${distinctId}`);
  }
  const { account, vague } = event.stretch;
  if (event.kind === 'anonymous' && account !== null && !vague && !found.includes(account)) {
    wrong.push(`${what}, was not joined to ${account}`);
  }

  return wrong;
}
