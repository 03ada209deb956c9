/** What the oracle expects of one drain. */
import { DAY, nameOf, type Recorded, type Whose } from './oracle-events.ts';
import type { Login } from './steps.ts';

interface DrainEnd {
  readonly killed: boolean;
  readonly asked: boolean;
  readonly impatient: boolean;
  readonly now: number;
  /** Whether an event is still in the spool. */
  readonly isThere: (label: number) => boolean;
}

export interface Drain {
  reads(login: Login | null | undefined): void;
  ends(how: DrainEnd): void;
}

interface Known {
  readonly events: readonly Recorded[];
  readonly whose: Whose;
  readonly violations: string[];
}

/** A drain that begins at this moment. */
export function drainOf({ events, whose, violations }: Known, moment: number): Drain {
  const waiting = events.filter((event) => event.waiting);
  let inForce: Login | null | undefined;
  let known = new Set<string | null>();
  return {
    reads(login) {
      inForce = login;
      known = new Set([...whose].flatMap(([name, how]) => (how === 'known' ? [name] : [])));
    },
    ends({ killed, asked, impatient, now, isThere }) {
      for (const event of waiting.filter((each) => each.waiting)) {
        const theirs = inForce === undefined || (inForce !== null && event.credentials === nameOf(inForce));
        const isKnown = known.has(event.credentials);
        const waits = event.resolvable && theirs && !isKnown && (inForce || event.at > now - DAY);
        event.certain ||= isKnown && !killed;
        event.waiting = Boolean(waits) && !killed;
        if (!event.waiting && !killed) event.releasedAt = moment;
        const mayBeKnown = whose.has(event.credentials ?? '');
        if (event.waiting && inForce && impatient && !asked && !mayBeKnown && isThere(event.label)) {
          violations.push(`event ${event.label} waits and nobody was asked whose it is`);
        }
      }
    },
  };
}
