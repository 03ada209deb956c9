/** Who is who: distinct_ids grouped into persons, by PostHog's rules for `$create_alias`. */
import { createHash } from 'node:crypto';
import type { AcceptedEvent } from './ingestion.ts';

/** A person: one or more distinct_ids, in the order in which they came. */
export interface Person {
  readonly id: string;
  readonly distinct_ids: string[];
  identified: boolean;
}

/** These stem from a bug or an unset variable, and would join strangers. */
const NEVER_MERGED_IN_ANY_CASE = quotedToo([
  ...['anonymous', 'guest', 'distinctid', 'distinct_id', 'id', 'not_authenticated', 'email'],
  ...['undefined', 'true', 'false'],
]);
const NEVER_MERGED = quotedToo(['[object Object]', 'NaN', 'None', 'none', 'null', '0', 'undefined']);

/** An empty project; `warn` takes what PostHog would list under its ingestion warnings. */
export function createPersons(warn: (warning: string) => void) {
  const byDistinctId = new Map<string, Person>();

  /** Takes an event's effect on persons; false when PostHog drops that event. */
  function process(event: AcceptedEvent): boolean {
    if (event.properties.$process_person_profile === false) {
      if (event.event !== '$create_alias') return true; // personless: an event, but nobody
      warn(`invalid_event_when_process_person_profile_is_false: ${event.event} of ${event.distinct_id}`);
      return false;
    }
    const { alias } = event.properties;
    if (event.event === '$create_alias' && alias) merge(event.distinct_id, String(alias));
    if (!byDistinctId.has(event.distinct_id)) create(event.distinct_id);
    return true;
  }

  function merge(into: string, other: string): void {
    if (into === other) return;
    const illegal = [into, other].find(isNeverMerged);
    if (illegal !== undefined) {
      warn(`cannot_merge_with_illegal_distinct_id: ${JSON.stringify(illegal)} in ${other} into ${into}`);
      return;
    }
    const [target, source] = [byDistinctId.get(into), byDistinctId.get(other)];
    const survivor = target ?? source ?? create(into);
    if (target && source && target !== source) {
      if (source.identified) warn(`cannot_merge_already_identified: ${other} into ${into}`);
      else for (const distinctId of source.distinct_ids) attach(distinctId, target);
    } else {
      // At most one of the two is known: whoever that is, the other id becomes theirs, unchecked.
      attach(into, survivor);
      attach(other, survivor);
    }
    // Also when the merge was refused. A refused alias thus spoils its distinct_id as a later source.
    survivor.identified = true;
  }

  function create(distinctId: string): Person {
    const person = { id: derivedId(distinctId), distinct_ids: [], identified: false };
    attach(distinctId, person);
    return person;
  }

  function attach(distinctId: string, person: Person): void {
    if (byDistinctId.get(distinctId) === person) return;
    byDistinctId.set(distinctId, person);
    person.distinct_ids.push(distinctId);
  }

  return {
    process,
    of: (distinctId: string) => byDistinctId.get(distinctId),
    /** The person that an event of this distinct_id shows; without a person, the id derived from it. */
    idFor: (distinctId: string) => byDistinctId.get(distinctId)?.id ?? derivedId(distinctId),
    all: () => [...new Set(byDistinctId.values())],
  };
}

function isNeverMerged(id: string): boolean {
  return id.trim() === '' || NEVER_MERGED.has(id) || NEVER_MERGED_IN_ANY_CASE.has(id.toLowerCase());
}

function quotedToo(ids: readonly string[]): Set<string> {
  return new Set(ids.flatMap((id) => [id, `'${id}'`, `"${id}"`]));
}

/**
 * A name-based UUID, so that a person made later for a distinct_id is born with the id that its personless
 * events already have.
 */
function derivedId(distinctId: string): string {
  const hex = createHash('sha1').update(`person:${distinctId}`).digest('hex');
  const groups = [hex.slice(0, 8), hex.slice(8, 12), `5${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`];
  return [...groups, hex.slice(20, 32)].join('-');
}
