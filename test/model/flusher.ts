/** A drain: a process that others may overtake while it waits, and that may be killed. */
import type { Answer, WireRecord } from '../../src/infra/net/posthog.ts';
import { drain } from '../../src/usage/drain/drain.ts';
import type { InForce, Whose } from '../../src/usage/drain/resolve.ts';
import { Killed, lifeOf, mortal } from './mortal.ts';
import { count, isRecorded, type Run } from './run.ts';
import type { Login, Step } from './steps.ts';
import { accountId, accountOfLogin, glimpse, loginIn, shellLogin, type World } from './world.ts';

/** Drains once, with the credentials of a shell. */
export async function drainOnce(run: Run, step: Extract<Step, { do: 'drain' }>): Promise<void> {
  const { world, sink, oracle } = run;
  const others = [...(step.meanwhile ?? [])];
  const life = lifeOf(step.kill);
  const ending = oracle.drains(sink.moment(), step.shell !== 0);
  ending.reads(loginIn(world, step.shell), world.now);
  let asked: Login | null = null;
  const meanwhile = async (): Promise<void> => {
    const next = others.shift();
    if (next === undefined) return;
    count(run, 'others act in the middle of a drain');
    await run.act(next);
  };
  const spool = mortal(run, world.flusher, life, {
    committed: (_, result) => {
      if (Array.isArray(result)) sink.claimed(result);
    },
  });
  const credentials = async (): Promise<InForce> => {
    await meanwhile();
    const inForce = loginIn(world, step.shell);
    ending.reads(inForce, world.now);
    return {
      account: accountOfLogin(inForce),
      ask: async () => {
        if (!inForce) return { kind: 'no answer' };
        oracle.asks(inForce);
        await meanwhile();
        const whose = answerOf(world, inForce);
        count(run, `asked: ${whose.kind}`);
        asked = inForce;
        oracle.answered(inForce, whose.kind, glimpse(world).text, world.now);
        return whose;
      },
    };
  };
  const deliver = async (records: readonly WireRecord[]): Promise<Answer> => {
    life.live();
    const answer = sink.receive(records);
    count(run, `answer: ${answer.kind}`);
    await meanwhile();
    life.live();
    return answer;
  };
  // As a run begins for a person who asks.
  if (step.impatient) world.flusher.statement('UPDATE backoff SET until = 0').run();
  try {
    const outcome = await drain({
      spool,
      destination: { host: 'http://posthog.test', apiKey: 'phc_model' },
      deliver,
      credentials,
      environment: environmentIn(step.shell),
      leftMs: () => 60_000,
      now: () => world.now,
      random: run.random,
    });
    count(run, `drain: ${outcome}`);
  } catch (error) {
    if (!(error instanceof Killed)) throw error;
    count(run, 'a flusher killed');
  }
  if (life.killed && asked !== null && oracle.isKnown(asked)) oracle.forgetsPerhaps(asked);
  ending.ends({
    killed: life.killed,
    asked: asked !== null,
    impatient: step.impatient,
    now: world.now,
    isThere: (label) => isRecorded(world, label),
  });
}

/** The account of the key that stands in a shell's environment. */
function environmentIn(shell: 0 | 1 | 2): string | null {
  return shell === 0 ? null : (accountOfLogin(shellLogin(shell)) ?? null);
}

function answerOf(world: World, login: Login): Whose {
  if (world.arcade === 'down') return { kind: 'no answer' };
  if (world.arcade === 'refusing') return { kind: 'refused' };
  return { kind: 'principal', principalId: accountId(login.who) };
}
