/** A spool in the hands of a process that may be killed between any two statements. */
import type { Spool } from '../../src/usage/spool/spool.ts';
import type { Mortal } from './steps.ts';

/** What is left of a process. */
export interface Life {
  readonly killed: boolean;
  /** One thing is about to happen. Throws when it never will. */
  live(): void;
  /** usage.json has been written, and not committed. */
  wrote(): void;
  /** A transaction has been committed. */
  committed(): void;
}

/** Thrown in place of SIGKILL; whatever catches it is killed at its next step. */
export class Killed extends Error {}

/** A life until then; for ever when undefined. */
export function lifeOf(end: Mortal['kill']): Life {
  let left = typeof end === 'number' ? end : Number.POSITIVE_INFINITY;
  const endAt = (moment: Mortal['kill']): void => {
    if (end !== moment) return;
    left = 0;
    throw new Killed('killed');
  };
  return {
    get killed() {
      return left <= 0;
    },
    live() {
      left -= 1;
      if (left <= 0) throw new Killed('killed');
    },
    wrote: () => endAt('after usage.json'),
    committed: () => endAt('after its commit'),
  };
}

interface Witness {
  /** Between two transactions anybody else may act. */
  readonly between: () => void;
  readonly begins: () => void;
  /** With what the transaction has returned. */
  readonly committed: (result: unknown) => void;
  /** Whether the present transaction has written usage.json. */
  readonly hasWritten: () => boolean;
}

/** The same spool; an error thrown inside a transaction undoes it, as SIGKILL does. */
export function mortal(spool: Spool, life: Life, witness: Witness): Spool {
  let first = true;
  return {
    ...spool,
    statement(sql) {
      life.live();
      return spool.statement(sql);
    },
    transaction(work) {
      life.live();
      if (!first) witness.between();
      first = false;
      const result = spool.transaction(() => {
        witness.begins();
        const done = work();
        if (witness.hasWritten()) life.wrote();
        life.live();
        return done;
      });
      witness.committed(result);
      life.committed();
      life.live();
      return result;
    },
  };
}
