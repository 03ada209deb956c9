/** The end of a process that nothing can put off. */
import { Worker } from 'node:worker_threads';

/** Ends this process at once, without waiting for a name server or a disk. */
export function kill(): void {
  process.kill(process.pid, 'SIGKILL');
}

/**
 * Ends this process after `ms`, whatever it does by then: a thread of its own keeps the time, for the main one
 * may be held up by a slow disk or a database lock. It does not keep the process from ending earlier.
 */
export function killAfter(ms: number): void {
  // By the clock that all threads share: on a busy machine a thread may begin late.
  const at = Number(process.hrtime.bigint() / 1_000_000n) + Math.max(0, Math.round(ms));
  const code = `setTimeout(() => process.kill(process.pid, 'SIGKILL'),
    Math.max(0, ${at} - Number(process.hrtime.bigint() / 1_000_000n)))`;
  const thread = new Worker(code, {
    eval: true,
    env: {},
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: 8 },
  });
  thread.unref();
  // Where no thread can be had, the main one's timer has to do.
  thread.on('error', () => undefined);
  setTimeout(kill, ms).unref();
}

/**
 * Ends this process with exit code 0. `process.exit()` waits for name look-ups under way, 15 s and more where
 * the name server is silent; only then is SIGKILL the way out.
 */
export function leave(): never {
  if (process.getActiveResourcesInfo().includes('GetAddrInfoReqWrap')) kill();
  process.exit(0);
}
