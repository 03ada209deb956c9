/** A spool in the hands of a process that may be killed between any two statements. */
import type { Spool } from '../../src/usage/spool.ts';

/** What is left of a process. */
export interface Life {
  readonly killed: boolean;
  /** One thing is about to happen. Throws when it never will. */
  live(): void;
}

/** Thrown in place of SIGKILL; whatever catches it is killed at its next step. */
export class Killed extends Error {}

/** A life of so many steps; for ever when undefined. */
export function lifeOf(steps: number | undefined): Life {
  let left = steps ?? Number.POSITIVE_INFINITY;
  return {
    get killed() {
      return left <= 0;
    },
    live() {
      left -= 1;
      if (left <= 0) throw new Killed('killed');
    },
  };
}

interface Witness {
  /** Between two transactions anybody else may act. */
  readonly between: () => void;
  readonly begins: () => void;
  readonly committed: () => void;
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
        life.live();
        return done;
      });
      witness.committed();
      life.live();
      return result;
    },
  };
}
