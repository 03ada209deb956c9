/** `arcade usage doctor`: what it finds, and what it advises. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { runAttached } from '../../../src/infra/os/detached.ts';
import { PROBE, type Program } from '../../../src/settings.ts';
import { arcade } from '../../support/cli.ts';
import { change } from '../../support/damage.ts';
import { FAULTS, runFaulty, withoutFault } from '../../support/faults.ts';
import { usage } from '../../support/inside.ts';
import { appendFor, DESTINATION } from '../../support/queue.ts';
import { type Sandbox, sandbox } from '../../support/sandbox.ts';
import { seeded as seededHome } from '../../support/seed.ts';
import { makeAuthority, startTls } from '../../support/tls.ts';
import { world } from '../../support/world.ts';

interface Diagnosis {
  readonly ok: boolean;
  readonly findings: readonly { code: string; severity: string; message: string; advice: string }[];
  readonly passed: readonly { code: string }[];
}

const seeded = (t: TestContext): Sandbox => seededHome(t, { records: 6, delivered: 2 });

async function diagnose(
  home: Sandbox,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<Diagnosis> {
  const { exitCode, stdout, stderr } = await usage(home, ['doctor', '--json', ...args], { env });
  const diagnosis = JSON.parse(stdout) as Diagnosis;
  assert.deepEqual([exitCode, stderr], [diagnosis.ok ? 0 : 1, ''], stdout);
  return diagnosis;
}

const codesOf = (checks: readonly { code: string }[]): string[] => checks.map(({ code }) => code);

test('`usage doctor` finds nothing wrong with a sound store, nor with an absent one, and says so', async (t) => {
  for (const home of [seeded(t), sandbox(t)]) {
    const { exitCode, stdout, stderr } = await usage(home, ['doctor']);
    assert.deepEqual([exitCode, stderr], [0, ''], stdout);
    assert.match(stdout, /\nNo problems found, (?:1 note|2 notes)\.\n$/);
  }
});

type How = string | ((home: Sandbox) => unknown) | Record<string, string>;

/** What it finds, when, how that comes about (by SQL, by a change to the home, or by a variable), and what it says. */
const WRONG: readonly [finds: string, when: string, how: How, message?: RegExp][] = [
  ['conservation', 'a record was lost', `UPDATE ledger SET value = 99 WHERE name = 'recorded'`],
  [
    'gauges',
    'a counter was changed',
    `UPDATE ledger SET value = value + 1 WHERE name IN ('pending', 'recorded')`,
  ],
  [
    'integrity',
    'rows have lost what they refer to',
    'PRAGMA foreign_keys = OFF; INSERT INTO attempt (record_id, at, outcome, duration_ms) VALUES (999, 1, 1, 1)',
  ],
  ['clock', 'the clock was set back', 'UPDATE record SET recorded_at = recorded_at + 86400000'],
  ['mode', 'others may read the spool', (home) => chmodSync(join(home.directory, 'usage.db'), 0o644)],
  ['mode', 'others may read usage.json', (home) => chmodSync(home.write('usage.json', '{}'), 0o640)],
  [
    'identity',
    'usage.json cannot be written',
    (home) => {
      mkdirSync(join(home.directory, 'usage.json'));
      appendFor(home.directory, DESTINATION);
    },
  ],
  ['proxy', 'the proxy is no address', { HTTPS_PROXY: 'proxy without a scheme' }, /^HTTPS_PROXY is not/],
  ['proxy', 'the proxy of all is no address', { ALL_PROXY: 'socks4://ana:pass@p' }, /^ALL_PROXY is not/],
  ['certificates', 'the certificates are missing', { NODE_EXTRA_CA_CERTS: '/nowhere/ca.pem' }],
  ['certificates', 'the certificates are none', { NODE_EXTRA_CA_CERTS: import.meta.filename }],
  ['certificates', 'all certificates are missing', { SSL_CERT_FILE: '/nowhere/ca.pem' }, /^SSL_CERT_FILE/],
  [
    'destination',
    'the destination is no address',
    { ARCADE_POSTHOG_HOST: 'posthog', ARCADE_POSTHOG_API_KEY: 'phc_test' },
  ],
];

for (const [finds, when, how, message = /./] of WRONG) {
  test(`\`usage doctor\` finds that ${when}, and says what to do`, async (t) => {
    const home = seeded(t);
    if (typeof how === 'string') change(join(home.directory, 'usage.db'), how);
    else if (typeof how === 'function') how(home);
    const { ok, findings } = await diagnose(home, [], typeof how === 'object' ? how : {});
    assert.equal(ok, false, JSON.stringify(findings));
    const found = findings.find(({ code, severity }) => code === finds && severity !== 'info');
    assert.ok(found !== undefined && found.advice.length > 10, JSON.stringify(findings));
    assert.match(found.message, message);
  });
}

test('`usage doctor` tells what is worth knowing as nothing wrong', async (t) => {
  const home = seeded(t);
  chmodSync(home.directory, 0o755);
  home.write('usage.json', 'not JSON');
  const { ok, findings } = await diagnose(home, [], { DO_NOT_TRACK: '1' });
  assert.equal(ok, true);
  assert.deepEqual(codesOf(findings).sort(), ['consent', 'destination', 'identity', 'mode']);
});

test('`usage doctor` without --network: nothing is connected to; with it, no event is sent', async (t) => {
  const { posthog } = await world(t);
  const home = seeded(t);
  const env = posthog.env;
  assert.equal((await diagnose(home, [], env)).ok, true);
  assert.equal(posthog.connections, 0);
  const { ok, passed } = await diagnose(home, ['--network'], env);
  assert.equal(ok, true);
  for (const code of ['dns', 'tcp', 'http', 'answer', 'clock'])
    assert.ok(codesOf(passed).includes(`network-${code}`), code);
  assert.equal(posthog.stored().length, 0);
  assert.equal(posthog.requests.length, 1);
});

const date = 'Thu, 01 Jan 2015 00:00:00 GMT';
const body = 'request holds no event';
for (const [when, fault, finds, words] of [
  ['nobody listens', undefined, 'network-tcp', /refused/],
  ['a portal answers', { kind: 'portal-page' }, 'network-answer', /Something else answers/],
  ['the connection is cut', { kind: 'reset', when: 'before-reading' }, 'network-http', /lost/],
  [
    'the clock is wrong',
    { kind: 'status', status: 400, headers: { date }, body },
    'network-clock',
    /ahead of the server/,
  ],
] as const) {
  test(`\`usage doctor --network\` tells that ${when}`, async (t) => {
    const { posthog } = await world(t);
    if (fault === undefined) await posthog.down();
    else posthog.fault(fault);
    const { ok, findings } = await diagnose(seeded(t), ['--network'], posthog.env);
    assert.equal(ok, false);
    assert.match(findings.find(({ code }) => code === finds)?.message ?? JSON.stringify(findings), words);
  });
}

test('`usage doctor --network` trusts the authority that SSL_CERT_FILE names, and no unknown one', async (t) => {
  const { posthog } = await world(t);
  const authority = makeAuthority(t, 'posthog.test');
  const host = `https://127.0.0.1:${await startTls(t, posthog.port, authority)}`;
  const env = { ARCADE_POSTHOG_HOST: host, ARCADE_POSTHOG_API_KEY: 'phc_test' };
  const home = seeded(t);
  const { findings } = await diagnose(home, ['--network'], env);
  assert.ok(codesOf(findings).includes('network-tls'), JSON.stringify(findings));
  const trusting = await diagnose(home, ['--network'], { ...env, SSL_CERT_FILE: authority.ca });
  assert.deepEqual([trusting.ok, codesOf(trusting.passed).includes('network-tls')], [true, true]);
});

test('`usage doctor --network` tells that a name cannot be resolved', async (t) => {
  const env = { ARCADE_POSTHOG_API_KEY: 'phc_test', ARCADE_POSTHOG_HOST: 'http://no-such-name.invalid' };
  const { findings } = await diagnose(seeded(t), ['--network'], env);
  assert.ok(codesOf(findings).includes('network-dns'), JSON.stringify(findings));
});

for (const [name, code] of [
  ['HOME is a file', 'unwritable'],
  ['the home is read-only', 'unwritable'],
  ['the disk is full when the spool is opened', 'disk-full'],
] as const) {
  const fault = FAULTS[name] ?? assert.fail(name);
  test(`\`usage doctor\` and \`usage reset\` tell that nothing can be recorded where ${name}`, {
    skip: withoutFault(fault),
  }, async (t) => {
    const ran = await runFaulty(sandbox(t), fault, ['usage', 'doctor', '--json'], {});
    assert.equal(ran.exitCode, 1, ran.stderr);
    const { findings } = JSON.parse(ran.stdout) as Diagnosis;
    assert.ok(codesOf(findings.filter(({ severity }) => severity === 'error')).includes(code), ran.stdout);
    const reset = await runFaulty(sandbox(t), fault, ['usage', 'reset', '--yes'], {});
    assert.equal(reset.exitCode, 1);
    assert.match(reset.stderr, /cannot be used \(.*\)\.\nHint: Check that the disk has room/);
  });
}

test('`usage doctor --network` asks from a flusher, with its environment and nothing else of the shell', async (t) => {
  const { posthog } = await world(t);
  const home = seeded(t);
  const witness = join(home.home, 'witness.cjs');
  writeFileSync(witness, `require('fs').appendFileSync(__filename + '.log', process.argv[1] + '\\n');`);
  const env = { ...posthog.env, NODE_OPTIONS: `--require ${witness}` };
  const { exitCode, stdout } = await arcade(home, ['usage', 'doctor', '--network', '--json'], { env });
  assert.equal(exitCode, 0, stdout);
  assert.ok(codesOf((JSON.parse(stdout) as Diagnosis).passed).includes('flusher-start'));
  assert.doesNotMatch(readFileSync(`${witness}.log`, 'utf8'), /flusher/);
  assert.equal(posthog.stored().length, 0);
});

test('`usage doctor` tells of a flusher that cannot be started with its first words', async () => {
  const program = { execPath: process.execPath, execArgv: [] } as unknown as Program;
  const started = await runAttached(
    { program, script: '/nowhere/flusher.js', environment: {} },
    [PROBE],
    9_000,
  );
  assert.match('failure' in started ? started.failure : 'it started', /\S/);
});
