/** A command of ours: a process that others may overtake and that may be killed. */

import { append, spillCapture } from '../../src/usage/append/append.ts';
import { resetIdentity } from '../../src/usage/identity/reset.ts';
import { sampleEntry, sampleEvent } from '../support/queue.ts';
import { seenBy } from './edges.ts';
import { Killed, lifeOf, mortal } from './mortal.ts';
import type { Change } from './oracle-events.ts';
import { committed, count, isRecorded, momentOf, type Run } from './run.ts';
import type { Login, Mortal, Step } from './steps.ts';
import { accountId, accountOfLogin, glimpse, identityIn } from './world.ts';

interface Recording extends Mortal {
  readonly login: Login | null | undefined;
  readonly change: Change;
  readonly known?: boolean;
  readonly resolvable: boolean;
  readonly fromEnvironment?: boolean;
  readonly meanwhile?: readonly Step[];
  readonly spills?: true;
}

/** One command's append, in a process that others may overtake and that may be killed. */
export function record(run: Run, recording: Recording): void {
  const { world, oracle } = run;
  const { login, change, known = true, resolvable, fromEnvironment = false } = recording;
  run.events += 1;
  const label = run.events;
  const now = world.now;
  const account = accountOfLogin(login);
  const others = [...(recording.meanwhile ?? [])];
  const life = lifeOf(recording.kill);
  const signedIn = change === 'login' && typeof account === 'string' && login;
  const inEnvironment = fromEnvironment && change !== 'login';
  const entry = sampleEntry(now, {
    event: sampleEvent({ command: change ?? 'secret.list', startedAt: label, endedAt: label }),
    credentials: { account, resolvable: resolvable && login !== null, fromEnvironment: inEnvironment },
    change: signedIn
      ? { kind: 'login', principalId: known ? accountId(signedIn.who) : null }
      : change === 'logout'
        ? { kind: 'logout' }
        : null,
  });
  if (recording.spills) {
    count(run, 'spilled');
    const { text } = glimpse(world);
    spillCapture(world.directory, entry);
    oracle.spilled(label, login, text, now);
    run.spilled.add(label);
    return;
  }
  let edge = '';
  let isTold = false;
  const spool = mortal(run, world.commands, life, {
    between: () => void takeNow(run, others.shift()),
    begins: () => {
      if (isTold) return;
      edge = seenBy(world.commands, {
        account,
        fromEnvironment: inEnvironment,
        known: signedIn && known ? accountId(signedIn.who) : null,
      });
    },
    committed: ({ text }) => {
      if (isTold || !isRecorded(world, label)) return;
      isTold = true;
      count(run, `edge ${edge}`);
      oracle.recorded(label, login, {
        text,
        now,
        change: change === 'login' && !known ? null : change,
        resolvable,
        fromEnvironment,
        anonId: identityIn(world)?.anonId ?? null,
      });
    },
  });
  try {
    append(spool, entry);
  } catch (error) {
    if (!(error instanceof Killed)) throw error;
    count(run, 'a command killed');
  }
}

/** `arcade usage reset`. */
export function reset(run: Run): void {
  const { world, oracle } = run;
  const before = momentOf(world);
  resetIdentity(world.commands, world.now);
  oracle.reset(before.text);
  committed(run, before);
}

/** Appends are not asynchronous; what others do meanwhile must not be, either. */
function takeNow(run: Run, step: Step | undefined): void {
  if (step !== undefined && step.do !== 'drain') {
    count(run, 'others act in the middle of a command');
    void run.act(step);
  }
}
