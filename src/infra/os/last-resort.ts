/** The end of a process that nothing can put off. */
import { Worker } from 'node:worker_threads';

/** Ends this process at once, without waiting for a name server or a disk. */
export function kill(): void {
  process.kill(process.pid, 'SIGKILL');
}

/** So long most flushers do not live. A thread takes 30 ms of CPU and 18 MB: more than all the rest of a flusher. */
const THREAD_AFTER_MS = 3_000;

/**
 * Ends this process after `ms`, whatever it does by then. It does not keep the process from ending earlier.
 *
 * The main thread's own timer is enough unless something holds that thread up, a slow disk for instance. For that a
 * second thread keeps the time as well, once the process is older than `threadAfterMs`, or the function that this
 * returns is called.
 */
export function killAfter(ms: number, threadAfterMs = THREAD_AFTER_MS): () => void {
  const at = now() + Math.max(0, Math.round(ms));
  setTimeout(kill, ms).unref();
  let isStarted = false;
  const keepTime = (): void => {
    if (!isStarted) startThread(at);
    isStarted = true;
  };
  setTimeout(keepTime, Math.min(ms, threadAfterMs)).unref();
  return keepTime;
}

/** By the clock that all threads share: on a busy machine a thread may begin late. */
const now = (): number => Number(process.hrtime.bigint() / 1_000_000n);

function startThread(at: number): void {
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
}

/**
 * Ends this process with exit code 0. `process.exit()` waits for name look-ups under way, 15 s and more where
 * the name server is silent; only then is SIGKILL the way out.
 */
export function leave(): never {
  if (process.getActiveResourcesInfo().includes('GetAddrInfoReqWrap')) kill();
  process.exit(0);
}
