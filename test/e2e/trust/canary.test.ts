/**
 * Thousands of marked strings go in wherever a person or a server can put one; none may come out in what is
 * recorded, kept or sent.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { contextOf } from '../../support/arcade/accounts.ts';
import { arcade } from '../../support/cli.ts';
import { flushersOf } from '../../support/flusher.ts';
import { inside } from '../../support/inside.ts';
import { until } from '../../support/until.ts';
import { world } from '../../support/world.ts';

const ROUNDS = 6;
/** Of them, those whose commands are processes of their own; the others run in the tests' process. */
const REAL_ROUNDS = 2;
const PAIRS = 100;
/** Around a mark: what escaping, cutting or splitting might treat in its own way. */
const DRESSES = [
  '',
  ' ',
  '\u001b[31m',
  '\u202e',
  '日本',
  '🔐',
  '"\'',
  '\\',
  '%2e',
  '{}',
  '$(id)',
  '\u0007',
  "'; DROP TABLE record; --",
];

interface Marks {
  readonly all: string[];
  /** A new mark in a dress. */
  next(): string;
  /** A new mark without one. */
  plain(): string;
}

function openMarks(): Marks {
  const all: string[] = [];
  const plain = (): string => {
    const mark = `cnry${randomBytes(8).toString('hex')}`;
    all.push(mark);
    return mark;
  };
  return {
    all,
    plain,
    next: () => {
      const dress = DRESSES[all.length % DRESSES.length] ?? '';
      return `${dress}${plain()}${dress}`;
    },
  };
}

/** A process's argv and environment; undefined when it has just ended. */
function knownTo(pid: number): Buffer | undefined {
  try {
    return Buffer.concat(['cmdline', 'environ'].map((name) => readFileSync(`/proc/${pid}/${name}`)));
  } catch {
    return undefined;
  }
}

test('nothing that a person typed or a server said is recorded, kept or sent', async (t) => {
  const { home, arcade: server, posthog, user } = await world(t, { echoSecrets: true });
  const marks = openMarks();
  const context = {
    ...contextOf(user),
    org_name: marks.next(),
    project_name: marks.next(),
    extra: marks.next(),
  };
  home.signIn(server, user, { email: `${marks.plain()}@example.com`, context });
  const folder = join(home.home, marks.plain());
  mkdirSync(folder);
  const env = (): Record<string, string> => ({
    ARCADE_URL: server.url,
    ...posthog.env,
    [`SECRET_${marks.plain()}`]: marks.next(),
    USER: marks.plain(),
    LOGNAME: marks.plain(),
    NODE_REDIRECT_WARNINGS: join(home.home, marks.plain()),
    PWD: folder,
    POSTHOG_API_KEY: marks.plain(),
  });
  const typed = (input?: string) => ({ env: env(), ...(input === undefined ? {} : { input }) });
  const run = (args: readonly string[], input?: string) =>
    arcade(home, args, { ...typed(input), cwd: folder });
  const runHere = (args: readonly string[], input?: string) =>
    inside(home, args, { ...typed(input), env: { ...env(), ARCADE_USAGE_TRACKING: undefined } });
  const before = process.cwd();
  process.chdir(folder);
  t.after(() => process.chdir(before));
  const match = { path: /secrets/ };
  // What every flusher was given, looked at while it lives.
  const given = new Map<number, Buffer>();
  const look = setInterval(() => {
    for (const pid of flushersOf(home)) given.set(pid, knownTo(pid) ?? given.get(pid) ?? Buffer.alloc(0));
  }, 50);
  t.after(() => clearInterval(look));
  let commands = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    writeFileSync(
      join(folder, '.env'),
      Array.from({ length: PAIRS }, () => `K${marks.plain()}="${marks.plain()} ${marks.plain()}"`).join('\n'),
    );
    const pairs = Array.from({ length: PAIRS }, () => `K${marks.plain()}=${marks.next()}`);
    const faults = [400, 401, 403, 404, 422, 429, 500].map((status) => ({
      kind: 'status' as const,
      status,
      body: { name: marks.next(), message: marks.next() },
      headers: { 'x-request-id': marks.plain(), 'retry-after': marks.plain() },
    }));
    const cases: readonly (readonly [readonly string[], string?])[] = [
      [['secret', 'set', ...pairs]],
      [['secret', 'set', '--from-env']],
      [['secret', 'set', marks.plain(), '--stdin'], marks.next()],
      [['secret', 'set', marks.next()]],
      [['secret', 'set', `${marks.plain()} ${marks.plain()}=x`]],
      [['secret', 'set', '--from-env', '--env-file', `${marks.plain()}/${marks.plain()}.env`]],
      [['secret', 'list', `--${marks.plain()}`]],
      [['secret', 'list', '--host', `user:${marks.plain()}@${marks.plain()}`]],
      [['secret', 'list', '--host', `http://127.0.0.1:1/${marks.plain()}`]],
      [['secret', 'unset', marks.plain(), marks.next()]],
      ...faults.map(() => [['secret', 'list']] as const),
      [['secret', 'list']],
    ];
    for (const [i, [args, input]] of cases.entries()) {
      const fault = faults[i - 10];
      if (fault !== undefined) server.fault(match, fault, 1);
      await (round < REAL_ROUNDS ? run : runHere)(args, input);
      server.clearFaults();
      commands += 1;
    }
  }
  await run(['secret', marks.plain()]);
  await until(() => posthog.stored().length > commands, {
    what: 'all events at PostHog',
    timeoutMs: 120_000,
  });
  assert.ok(marks.all.length > 3000, 'thousands of marks were planted');
  t.diagnostic(
    `${marks.all.length} marks in ${commands} commands, ${posthog.stored().length} events, ${given.size} flushers`,
  );
  const places = new Map<string, Buffer>(
    posthog.requests.map((request, i) => [
      `request ${i}`,
      Buffer.from(`${JSON.stringify(request.headers)}${request.rawBody}`),
    ]),
  );
  assert.ok(given.size > 0, 'a flusher was seen');
  for (const [pid, bytes] of given) {
    assert.ok(bytes.includes('ARCADE_WORK_DIR='), 'what it was given could be read');
    places.set(`argv and environment of ${pid}`, bytes);
  }
  for (const name of readdirSync(home.directory)) {
    if (name !== 'credentials.yaml') places.set(name, readFileSync(join(home.directory, name)));
  }
  assert.ok(places.has('usage.db') && places.has('usage.json'));
  for (const [place, bytes] of places) {
    for (const encoding of ['latin1', 'utf16le'] as const) {
      const text = bytes.toString(encoding);
      const found = text.indexOf('cnry');
      assert.equal(found, -1, `${place}: ${text.slice(Math.max(0, found - 60), found + 60)}`);
    }
    const hexed = [...bytes.toString('latin1').matchAll(/[0-9a-f]{24,}/g)].map((run) => run[0]);
    assert.ok(!hexed.some((text) => text.includes(Buffer.from('cnry').toString('hex'))), place);
  }
});
