/** Cancels the command on a signal, but waits for work that must not be cut short. */
import { EXIT } from '../errors.ts';
import { LIMITS } from '../settings.ts';

export interface Signals {
  on(signal: NodeJS.Signals, listener: () => void): void;
  /** Ends the process by a signal, with its default action. */
  endBy(signal: NodeJS.Signals): void;
}

/** Waits for work that an interruption must not cut short, for a limited time. */
export async function settled(work: readonly Promise<unknown>[]): Promise<void> {
  if (work.length === 0) return;
  const enough = new Promise((resolve) => setTimeout(resolve, LIMITS.protectedMs));
  await Promise.race([Promise.allSettled(work), enough]);
}

/** A signal has asked the program to end. */
export class Interrupted extends Error {
  readonly exitCode: number;

  constructor(exitCode: number) {
    super('interrupted');
    this.exitCode = exitCode;
  }
}

/** What `work` comes to; rejects with `Interrupted` at a signal, also when that has come already. */
export type UntilSignal = <T>(work: Promise<T>) => Promise<T>;

/**
 * One key or one hang-up may come twice: from the terminal and from the program that started this one, as npm does,
 * or to the leader of the session and to its group. No person presses a key again so soon.
 */
const SAME_MS = 100;

/**
 * Watches for signals from now on. The first one interrupts what is waited for, now or later; a second one of its
 * kind ends the process as it would have without us.
 */
export function watchSignals(signals: Signals): UntilSignal {
  const interruption = new Promise<never>((_resolve, reject) => {
    const watch = (signal: NodeJS.Signals, exitCode: number): void => {
      let first: number | undefined;
      signals.on(signal, () => {
        first ??= performance.now();
        if (performance.now() - first < SAME_MS) reject(new Interrupted(exitCode));
        else signals.endBy(signal);
      });
    };
    watch('SIGINT', EXIT.interrupted);
    watch('SIGTERM', EXIT.terminated);
    watch('SIGHUP', EXIT.hangup);
  });
  // It may come while nothing is waited for.
  interruption.catch(() => undefined);
  return (work) => Promise.race([work, interruption]);
}
