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

/** Rejects at the first signal; the second one ends the process as it would have without us. */
export function watchSignals(on: OnSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    on('SIGINT', () => reject(new Interrupted(EXIT.interrupted)));
    on('SIGTERM', () => reject(new Interrupted(EXIT.terminated)));
    on('SIGHUP', () => reject(new Interrupted(EXIT.hangup)));
  });
}
