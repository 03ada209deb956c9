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
  reads(login: Login | null | undefined, now: number): void;
  ends(how: DrainEnd): void;
}

interface Known {
  readonly events: readonly Recorded[];
  readonly whose: Whose;
  readonly violations: string[];
}

/** A drain that begins at this moment, in a shell that has a key in its environment or not. */
export function drainOf(
  { events, whose, violations }: Known,
  { moment, hasKey }: { moment: number; hasKey: boolean },
): Drain {
  const waiting = events.filter((event) => event.waiting);
  let inForce: Login | null | undefined;
  let latest = 0;
  let known = new Set<string | null>();
  return {
    reads(login, now) {
      latest = Math.max(latest, now);
      inForce = login;
      known = new Set([...whose].flatMap(([name, how]) => (how === 'known' ? [name] : [])));
    },
    ends({ killed, asked, impatient, now, isThere }) {
      for (const event of waiting.filter((each) => each.waiting)) {
        const own = Boolean(inForce) && event.credentials === nameOf(inForce as Login);
        // Nobody sees another shell's environment, nor behind a key the file: that answers nothing.
        const elsewhere = !own && (event.fromEnvironment || hasKey);
        const theirs = inForce === undefined || own || elsewhere;
        const isKnown = known.has(event.credentials);
        const young = event.at > Math.max(latest, now) - DAY;
        const waits = event.resolvable && theirs && !isKnown && (own || young);
        event.certain ||= isKnown && !killed;
        event.waiting = Boolean(waits) && !killed;
        if (!event.waiting && !killed) event.releasedAt = moment;
        const mayBeKnown = whose.has(event.credentials ?? '');
        if (event.waiting && own && impatient && !asked && !mayBeKnown && isThere(event.label)) {
          violations.push(`event ${event.label} waits and nobody was asked whose it is`);
        }
      }
    },
  };
}
