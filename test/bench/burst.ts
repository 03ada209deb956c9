/**
 * Five hundred real commands as fast as this machine runs them, with PostHog there and with PostHog gone: how many
 * flushers they start, how many live at once, how many are left. `node --import tsx test/bench/burst.ts`
 */
import limit from 'p-limit';
import { arcade } from '../support/cli.ts';
import { accountOf, flushersOf, watchFlushers } from '../support/flusher.ts';
import { startPostHog } from '../support/posthog.ts';
import { openSandbox, removeHome } from '../support/sandbox.ts';
import { until } from '../support/until.ts';

const COMMANDS = Number(process.env.BURST_COMMANDS ?? 500);
const TOGETHER = 6;
/** Of one ten seconds. */
const MOST_STARTED = 6;

async function burst(isUp: boolean): Promise<boolean> {
  const posthog = await startPostHog();
  if (!isUp) await posthog.down();
  const home = openSandbox();
  const env = posthog.env;
  const watch = watchFlushers(home);
  const begun = performance.now();
  const inTurn = limit(TOGETHER);
  await Promise.all(
    Array.from({ length: COMMANDS }, () => inTurn(() => arcade(home, ['secret', 'list'], { env }))),
  );
  const ms = performance.now() - begun;
  await until(() => flushersOf(home).length === 0, { what: 'the last flusher to end', timeoutMs: 11_000 });
  watch.stop();
  const { recorded, delivered, pending } = accountOf(home);
  const distinct = new Set(posthog.stored().map(({ uuid }) => uuid)).size;
  await posthog.close();
  await removeHome(home);
  console.log(
    `${COMMANDS} commands with PostHog ${isUp ? 'there' : 'gone'} in ${(ms / 1000).toFixed(1)} s: ${recorded} recorded, ` +
      `${delivered} delivered (${distinct} distinct at PostHog), ${pending} waiting; ` +
      `${watch.seen()} flushers, ${watch.most()} at once, none left`,
  );
  const allowed = MOST_STARTED * Math.ceil(ms / 10_000);
  return (
    watch.most() <= 1 && watch.seen() <= allowed && recorded === COMMANDS && delivered + pending === COMMANDS
  );
}

for (const isUp of [true, false]) if (!(await burst(isUp))) process.exitCode = 1;
