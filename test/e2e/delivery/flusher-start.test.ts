/** How a command starts a flusher, and what that process knows and is. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { describe, type TestContext, test } from 'node:test';
import { LEAN } from '../../../src/infra/os/detached.ts';
import { arcade } from '../../support/cli.ts';
import { FLUSHER_PROGRAM, flushersEnded, flushersOf, startFlusher } from '../../support/flusher.ts';
import type { Sandbox } from '../../support/sandbox.ts';
import { until } from '../../support/until.ts';
import { world } from '../../support/world.ts';

async function prepare(t: TestContext) {
  const { home, posthog } = await world(t);
  t.after(() => flushersEnded(home));
  return { home, posthog, env: posthog.env };
}

/** Runs a command and finds the flusher that it has started. */
async function wake(home: Sandbox, env: Record<string, string>): Promise<number> {
  await arcade(home, ['secret', 'list'], { env });
  return await until(() => flushersOf(home)[0], { what: 'a flusher' });
}

/** What a flusher may find in its environment, beside ARCADE_*. */
const ALLOWED =
  /^(HOME|PATH|USER|LOGNAME|LANG|LC_[A-Z]+|TZ|TMPDIR|HTTPS?_PROXY|NO_PROXY|NODE_EXTRA_CA_CERTS|UV_THREADPOOL_SIZE|ARCADE_[A-Z_]+)$/i;

describe('a flusher', { concurrency: true }, () => {
  test('has nothing of the command but an allow-list of its environment', async (t) => {
    const { home, posthog, env } = await prepare(t);
    posthog.fault({ kind: 'hang' });
    const planted = {
      AWS_SECRET_ACCESS_KEY: 'planted-1',
      GITHUB_TOKEN: 'planted-2',
      NODE_OPTIONS: '--no-deprecation --title=planted-3',
      POSTHOG_CAPTURE_MODE: 'v1',
      POSTHOG_API_KEY: 'planted-4',
      NODE_TLS_REJECT_UNAUTHORIZED: '0',
      SSH_AUTH_SOCK: '/planted-5',
      MY_ARCADE_TOKEN: 'planted-6',
      ARCADE_API_KEY: '',
    };
    const kept = { LANG: 'C.UTF-8', TZ: 'UTC', NO_PROXY: '127.0.0.1', HTTPS_PROXY: 'http://127.0.0.1:9' };
    const pid = await wake(home, { ...env, ...planted, ...kept });
    const variables = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').filter(Boolean);
    const names = variables.map((variable) => variable.slice(0, variable.indexOf('=')));
    for (const name of names) assert.match(name, ALLOWED);
    assert.ok(!variables.some((variable) => variable.includes('planted')));
    for (const name of Object.keys(kept)) assert.ok(names.includes(name), name);
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').filter(Boolean);
    assert.deepEqual(words, [process.execPath, ...LEAN, '--', FLUSHER_PROGRAM]);
  });

  test('shares neither terminal, session, pipe nor working directory with the command', async (t) => {
    const { home, posthog, env } = await prepare(t);
    posthog.fault({ kind: 'hang' });
    const pid = await wake(home, env);
    assert.equal(readlinkSync(`/proc/${pid}/cwd`), '/');
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    assert.equal(Number(fields[3]), pid, 'it leads a session of its own');
    assert.equal(fields[4], '0', 'which has no terminal');
    for (const stream of [0, 1, 2]) assert.equal(readlinkSync(`/proc/${pid}/fd/${stream}`), '/dev/null');
  });

  test('has six threads at most', async (t) => {
    const { home, posthog, env } = await prepare(t);
    posthog.fault({ kind: 'hang' });
    const ARCADE_POSTHOG_HOST = posthog.url.replace('127.0.0.1', 'localhost');
    const pid = await wake(home, { ...env, ARCADE_POSTHOG_HOST });
    await until(() => posthog.requests.length > 0, { what: 'its request' });
    const threads = Number(/^Threads:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
    assert.ok(threads <= 6, `${threads} threads`);
  });

  test('holds no lock and no pipe of the script that ran the command', async (t) => {
    const { home, posthog, env } = await prepare(t);
    posthog.fault({ kind: 'hang' });
    const shell = `
      exec 20> >(cat; echo ended > "$HOME/pipe")
      exec 200> "$HOME/lock"
      flock -n 200
      "$@"
      exec 200>&- 20>&-
      for i in $(seq 100); do flock -n "$HOME/lock" true && [ -e "$HOME/pipe" ] && exit 0; sleep 0.02; done
      exit 9`;
    const ran = await arcade(home, ['secret', 'list'], { env, shell });
    assert.equal(ran.exitCode, 0, 'both are free within moments');
    assert.equal(flushersOf(home).length, 1, 'while the flusher lives');
  });

  test('makes no folder and no file where they have been deleted', async (t) => {
    const { home, posthog, env } = await prepare(t);
    rmSync(home.directory, { recursive: true, force: true });
    await startFlusher(home, env).ended;
    assert.equal(existsSync(home.directory), false, 'before it starts');
    await arcade(home, ['secret', 'list']);
    posthog.fault({ kind: 'delay', ms: 1_000 });
    const { ended } = startFlusher(home, env);
    await until(() => posthog.requests.length > 0, { what: 'its request' });
    rmSync(home.home, { recursive: true });
    await ended;
    assert.equal(existsSync(home.home), false, 'while it lives');
  });

  test('takes along ARCADE_API_KEY only where that is the credential in force', async (t) => {
    for (const inForce of [true, false]) {
      const { home, posthog, env } = await prepare(t);
      posthog.fault({ kind: 'hang' });
      const address = 'http://127.0.0.1:9';
      if (!inForce) home.signInWithKey('arc_file', address);
      const keys = {
        ARCADE_URL: address,
        ...(inForce ? { ARCADE_API_KEY: 'arc_planted' } : { OTHER: 'arc_planted' }),
      };
      const pid = await wake(home, { ...env, ...keys });
      const found = readFileSync(`/proc/${pid}/environ`, 'utf8').includes('arc_planted');
      assert.equal(found, inForce);
      process.kill(pid, 'SIGKILL');
    }
  });
});
