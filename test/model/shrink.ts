/** Makes a failing history short: the story that is left is the one to read. */
import type { Step } from './steps.ts';

/** The shortest history that this finds and that still `fails`. */
export async function shrink(
  steps: readonly Step[],
  fails: (steps: readonly Step[]) => Promise<boolean>,
): Promise<readonly Step[]> {
  let best = steps;
  for (let found = true; found; ) {
    found = false;
    for (const smaller of simplerThan(best)) {
      if (await fails(smaller)) {
        best = smaller;
        found = true;
        break;
      }
    }
  }
  return best;
}

function* simplerThan(steps: readonly Step[]): Generator<readonly Step[]> {
  for (let size = Math.ceil(steps.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at + size <= steps.length; at += size)
      yield [...steps.slice(0, at), ...steps.slice(at + size)];
  }
  for (const [at, step] of steps.entries()) {
    for (const simpler of simplerStep(step)) yield [...steps.slice(0, at), simpler, ...steps.slice(at + 1)];
  }
}

function* simplerStep(step: Step): Generator<Step> {
  if ('kill' in step) {
    const { kill: _kill, ...immortal } = step;
    yield immortal as Step;
  }
  if ('meanwhile' in step && step.meanwhile !== undefined) {
    const { meanwhile, ...alone } = step;
    yield alone as Step;
    for (const fewer of simplerThan(meanwhile)) yield { ...step, meanwhile: fewer } as Step;
  }
}
