/** Signals: the command is given up, what must not be cut short is waited for. */
import { EXIT } from '../errors.ts';
import { LIMITS } from '../settings.ts';

export type OnSignal = (signal: NodeJS.Signals, listener: () => void) => void;

/** Waits for what an interruption must not cut short, within reason. */
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
 * Watches for signals from now on. The first one interrupts what is waited for, now or later; a second one of its
 * kind ends the process as it would have without us.
 */
export function watchSignals(on: OnSignal): UntilSignal {
  const interruption = new Promise<never>((_resolve, reject) => {
    on('SIGINT', () => reject(new Interrupted(EXIT.interrupted)));
    on('SIGTERM', () => reject(new Interrupted(EXIT.terminated)));
    on('SIGHUP', () => reject(new Interrupted(EXIT.hangup)));
  });
  // It may come while nothing is waited for.
  interruption.catch(() => undefined);
  return (work) => Promise.race([work, interruption]);
}
