/** A spool in the hands of a process that may be killed between any two statements. */
import type { Spool } from '../../src/usage/spool/spool.ts';
import { committed, type Moment, momentOf, type Run } from './run.ts';
import type { Mortal } from './steps.ts';
import { glimpse } from './world.ts';

/** Thrown in place of SIGKILL; whatever catches it is killed at its next step. */
export class Killed extends Error {}

/** What is left of a process. */
export type Life = ReturnType<typeof lifeOf>;

/** A life until then; for ever when undefined. */
export function lifeOf(end: Mortal['kill']) {
  let left = typeof end === 'number' ? end : Number.POSITIVE_INFINITY;
  return {
    get killed(): boolean {
      return left <= 0;
    },
    /** One thing is about to happen, or `moment` has come. Throws when it was the last. */
    live(moment?: 'after usage.json' | 'after its commit'): void {
      if (moment === undefined) left -= 1;
      else if (moment === end) left = 0;
      if (left <= 0) throw new Killed('killed');
    },
  };
}

interface Witness {
  /** Between two transactions anybody else may act. */
  readonly between?: () => void;
  readonly begins?: () => void;
  /** With what the transaction has returned. */
  readonly committed?: (before: Moment, result: unknown) => void;
}

/** The same spool; an error thrown inside a transaction undoes it, as SIGKILL does. */
export function mortal(run: Run, spool: Spool, life: Life, witness: Witness = {}): Spool {
  let first = true;
  return {
    ...spool,
    statement(sql) {
      life.live();
      return spool.statement(sql);
    },
    transaction(work) {
      life.live();
      if (!first) witness.between?.();
      first = false;
      let before = momentOf(run.world);
      const result = spool.transaction(() => {
        before = momentOf(run.world);
        witness.begins?.();
        const done = work();
        if (glimpse(run.world).inode !== before.inode) life.live('after usage.json');
        life.live();
        return done;
      });
      witness.committed?.(before, result);
      committed(run, before);
      life.live('after its commit');
      life.live();
      return result;
    },
  };
}
