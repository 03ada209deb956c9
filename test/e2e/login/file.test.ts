/** What stands in credentials.yaml: text as it is written, readable by the Python CLI, and quoted nowhere. */
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { test } from 'node:test';
import { readStored } from '../../../src/auth/credentials.ts';
import { authFields, storeLogin } from '../../../src/auth/store.ts';
import { inside } from '../../support/inside.ts';
import { sandbox } from '../../support/sandbox.ts';

test('credentials.yaml: ids that YAML takes for numbers and the like are read as text', async (t) => {
  const home = sandbox(t);
  for (const id of [
    '0899',
    '1e3',
    'no',
    '0x1F',
    '1_000',
    '2026-01-01',
    '.5',
    'true',
    '12345678901234567890',
  ]) {
    const context = `context:\n    org_id: ${id}\n    org_name: ~\n    project_id: ${id}\n    project_name: null`;
    const user = `user:\n    account_id: ${id}\n    email: ${id}`;
    home.write('credentials.yaml', `cloud:\n  auth:\n    access_token: ${id}\n  ${context}\n  ${user}\n`);
    const found = await readStored(home.directory);
    assert.deepEqual(found, {
      kind: 'oauth',
      accessToken: id,
      refreshToken: null,
      expiresAt: null,
      email: id,
      accountId: id,
      coordinatorUrl: null,
      context: { orgId: id, orgName: null, projectId: id, projectName: null },
    });
  }
});

test('credentials.yaml: the expiry is local time with its offset, in any zone and season', (t) => {
  const before = process.env.TZ;
  t.after(() => {
    if (before === undefined) delete process.env.TZ;
    else process.env.TZ = before;
  });
  for (const [zone, time, expected] of [
    ['UTC', '2026-07-01T12:00:00.500Z', '2026-07-01T12:00:00.500+00:00'],
    ['America/Los_Angeles', '2026-07-01T12:00:00.000Z', '2026-07-01T05:00:00.000-07:00'],
    ['America/Los_Angeles', '2026-12-01T12:00:00.000Z', '2026-12-01T04:00:00.000-08:00'],
    ['Europe/Berlin', '2026-12-31T23:30:00.000Z', '2027-01-01T00:30:00.000+01:00'],
    ['Asia/Kathmandu', '2026-07-01T12:00:00.000Z', '2026-07-01T17:45:00.000+05:45'],
    ['America/St_Johns', '2026-12-01T12:00:00.000Z', '2026-12-01T08:30:00.000-03:30'],
  ] as const) {
    process.env.TZ = zone;
    const { expires_at } = authFields({ accessToken: 'a', refreshToken: null, expiresAt: Date.parse(time) });
    assert.equal(expires_at, expected, zone);
    assert.equal(Date.parse(String(expires_at)), Date.parse(time), zone);
  }
});

/** Nothing listens there. */
const LOGIN = ['login', '--no-browser', '--host', 'http://127.0.0.1:1'];

test('credentials.yaml: a broken file is quoted nowhere, not even with --debug', async (t) => {
  const home = sandbox(t);
  const hidden = 'WHOLEAPIKEY0123456789';
  for (const content of [
    `cloud:\n  api:\n    key: "${hidden}`,
    `cloud:\n  auth:\n    access_token: ${hidden}: x`,
    `cloud: {api: {key: ${hidden}`,
    `cloud: {api: {key: *${hidden}}}`,
    `cloud: {api: {key: !${hidden} x}}`,
    `cloud: {${hidden}: a, ${hidden}: b}`,
    `%${hidden}\n---\na: b`,
    `cloud: {api: [${hidden}]}`,
    hidden,
  ]) {
    for (const args of [['secret', 'list'], ['whoami'], ['org', 'list'], LOGIN, ['logout']]) {
      for (const [env, more] of [
        [{ ARCADE_DEBUG: '1' }, []],
        [{}, ['--debug']],
      ] as const) {
        home.write('credentials.yaml', content);
        const ran = await inside(home, [...args, ...more], { env });
        assert.ok(ran.exitCode === 1 || args[0] === 'logout', args.join(' '));
        assert.ok(!`${ran.stdout}${ran.stderr}`.includes(hidden.slice(0, 8)), `${content}: ${ran.stderr}`);
      }
    }
  }
});

test('credentials.yaml: `login` does not reformat what other programs keep there', async (t) => {
  const home = sandbox(t);
  const levels = Array.from({ length: 5 }, (_, i) =>
    i === 0 ? 'a0: &a0 [x]' : `a${i}: &a${i} [${Array(9).fill(`*a${i - 1}`)}]`,
  );
  const file = home.write('credentials.yaml', levels.join('\n'));
  const login = { kind: 'api_key', source: 'file', apiKey: 'k', email: null, accountId: null } as const;
  await storeLogin(home.directory, { ...login, coordinatorUrl: null }, new AbortController().signal);
  assert.ok(statSync(file).size < 2_000, `${statSync(file).size} bytes`);
  assert.equal((await readStored(home.directory)).kind, 'api_key');
});
