/**
 * The built program, driven as a person would drive it, against real servers on this machine. Says what it
 * does, checks everything that it says, and ends with 1 when anything is not as it should be.
 */
import { rmSync } from 'node:fs';
import { type Arcade, startArcade } from '../support/arcade.ts';
import { arcade, type Ran } from '../support/cli.ts';
import { logIn } from '../support/login.ts';
import { type PostHog, startPostHog } from '../support/posthog.ts';
import { openSandbox, type Sandbox } from '../support/sandbox.ts';
import { until } from '../support/until.ts';
import { type Narration, openNarration } from './narration.ts';

interface Stage {
  readonly narration: Narration;
  readonly home: Sandbox;
  readonly arcade: Arcade;
  readonly posthog: PostHog;
  readonly env: Readonly<Record<string, string>>;
}

interface UsageStatus {
  readonly ledger: {
    recorded: number;
    delivered: number;
    pending: number;
    quarantined: number;
    dropped: object;
  };
  readonly backoff: { since: string; until: string; reason: string } | null;
  readonly flusher: { running: boolean };
  readonly why: string;
}

const OUTAGE_COMMANDS = 20;

await main();

async function main(): Promise<void> {
  const narration = openNarration();
  const [arcadeServer, posthog] = await Promise.all([startArcade({ latencyMs: 20 }), startPostHog()]);
  const home = openSandbox();
  const env = {
    ARCADE_URL: arcadeServer.url,
    ...posthog.env,
  };
  const stage: Stage = { narration, home, arcade: arcadeServer, posthog, env };
  try {
    await firstRun(stage);
    await signedIn(stage);
    await outage(stage);
    await networkIsBack(stage);
    await verdict(stage);
  } catch (error) {
    narration.check(
      false,
      `the demo went through: ${error instanceof Error ? error.message : String(error)}`,
    );
  } finally {
    await Promise.all([arcadeServer.close(), posthog.close()]);
    rmSync(home.home, { recursive: true, force: true });
  }
  process.exitCode = narration.end();
}

async function firstRun(stage: Stage): Promise<void> {
  const { narration } = stage;
  narration.chapter('A new machine: the first command, before a login');
  const first = await run(stage, ['secret', 'list']);
  narration.check(first.exitCode === 1, 'it fails: no one is logged in');
  narration.check(
    first.stderr.includes('ARCADE_USAGE_TRACKING'),
    'the notice is shown before the first event is recorded',
  );
  const second = await run(stage, ['secret', 'list']);
  narration.check(!second.stderr.includes('ARCADE_USAGE_TRACKING'), 'and never again');
  await delivered(stage, 2);
  const ids = new Set(stage.posthog.stored().map((event) => event.distinct_id));
  narration.check(ids.size === 1, 'both events went out under one anonymous id');
}

async function signedIn(stage: Stage): Promise<void> {
  const { narration, home } = stage;
  narration.chapter('Ana signs in and sets a secret');
  const ana = stage.arcade.user('A');
  const { page, ...login } = await logIn(home, stage.arcade, ana, [], { env: stage.env });
  narration.terminal(['login', '--no-browser'], login);
  narration.say('(her browser is played by a plain HTTP client)');
  narration.check(login.exitCode === 0 && page.status === 200, 'she is logged in, and her browser says so');
  const set = await run(stage, ['secret', 'set', 'API_KEY=not-a-real-secret-1234']);
  narration.check(set.stdout.includes('...1234'), 'the value is hidden but for its end');
  const list = await run(stage, ['secret', 'list']);
  narration.check(list.stdout.includes('API_KEY'), 'the secret is there');
  await delivered(stage, 6);
  const stored = stage.posthog.stored();
  const alias = stored.findIndex((event) => event.event === '$create_alias');
  const captures = stored.findIndex(
    (event) => event.distinct_id === ana.account_id && event.event !== '$create_alias',
  );
  narration.check(alias >= 0 && alias < captures, "the alias reached PostHog before Ana's first event");
  const persons = new Set(stored.map((event) => event.person_id));
  narration.check(persons.size === 1, "what she did before signing in is part of Ana's history");
}

async function outage(stage: Stage): Promise<void> {
  const { narration } = stage;
  narration.chapter(`The network to PostHog is gone; ${OUTAGE_COMMANDS} commands`);
  const before = await timed(stage, 5);
  await stage.posthog.down();
  const during = await timed(stage, OUTAGE_COMMANDS);
  narration.say(`median of a command: ${before.median} ms before, ${during.median} ms now`);
  // The fastest: what else the machine does at the moment counts for neither.
  narration.check(during.fastest < before.fastest * 2 + 100, 'a command is as fast as before');
  await until(async () => (await status(stage)).backoff !== null, { what: 'the back-off to be stored' });
  const shown = await run(stage, ['usage', 'status']);
  narration.check(
    shown.stdout.includes('PostHog cannot be reached'),
    '`usage status` says why nothing is sent',
  );
  const { ledger } = await status(stage);
  narration.check(ledger.pending >= OUTAGE_COMMANDS, `${ledger.pending} events wait in the spool`);
  narration.check(ledger.recorded === ledger.delivered + ledger.pending, 'none is lost');
}

async function networkIsBack(stage: Stage): Promise<void> {
  const { narration } = stage;
  narration.chapter('The network is back');
  await stage.posthog.up();
  narration.say(
    'a command whose own call gets through brings the next try forward, once some seconds have passed',
  );
  let commands = 0;
  await until(
    async () => {
      await run(stage, ['secret', 'list']);
      commands += 1;
      const { ledger } = await status(stage);
      return await delivered(stage, ledger.recorded, 3_000).catch(() => false);
    },
    { what: 'a command to bring everything to PostHog', timeoutMs: 120_000 },
  );
  narration.say(`everything is delivered (${commands} commands)`);
}

async function verdict(stage: Stage): Promise<void> {
  const { narration, posthog } = stage;
  narration.chapter('The account');
  await until(async () => !(await status(stage)).flusher.running, { what: 'the last flusher to end' });
  await run(stage, ['usage', 'status']);
  const { ledger } = await status(stage);
  const stored = posthog.stored();
  narration.check(
    stored.length === ledger.recorded,
    `PostHog has ${stored.length} of ${ledger.recorded} records`,
  );
  narration.check(posthog.duplicates() === 0, 'none arrived twice');
  narration.check(new Set(stored.map((event) => event.person_id)).size === 1, 'all of them are one person');
  const text = posthog.requests.map((request) => request.rawBody).join('\n');
  narration.check(!text.includes('not-a-real-secret'), 'no secret went to PostHog');
  narration.check(stage.arcade.strangers().length === 0, 'no request went to any other host');
  const lost = ledger.recorded - ledger.delivered - ledger.pending - ledger.quarantined;
  narration.check(lost === 0 && ledger.delivered === ledger.recorded, 'nothing is left, nothing is lost');
  narration.say(`recorded ${ledger.recorded}, delivered ${ledger.delivered}, lost ${lost}`);
}

async function run({ narration, home, env }: Stage, args: readonly string[]): Promise<Ran> {
  const ran = await arcade(home, args, { env });
  narration.terminal(args, ran);
  return ran;
}

/** How long some commands take, in whole milliseconds. */
async function timed(
  { home, env, narration }: Stage,
  commands: number,
): Promise<{ median: number; fastest: number }> {
  const times: number[] = [];
  for (let i = 0; i < commands; i += 1) {
    const start = performance.now();
    const { exitCode } = await arcade(home, ['secret', 'list'], { env });
    times.push(performance.now() - start);
    if (exitCode !== 0) narration.check(false, `command ${i + 1} succeeded`);
  }
  narration.say(`$ arcade secret list   (${commands} times)`);
  times.sort((a, b) => a - b);
  return { median: Math.round(times[Math.floor(commands / 2)] ?? 0), fastest: Math.round(times[0] ?? 0) };
}

async function status({ home, env }: Stage): Promise<UsageStatus> {
  return JSON.parse((await arcade(home, ['usage', 'status', '--json'], { env })).stdout) as UsageStatus;
}

async function delivered(stage: Stage, records: number, timeoutMs = 60_000): Promise<boolean> {
  return await until(() => stage.posthog.stored().length >= records, {
    what: `${records} records at PostHog`,
    timeoutMs,
  });
}
