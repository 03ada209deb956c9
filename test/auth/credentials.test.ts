/** credentials.yaml in every shape that it has been written in. */
import assert from 'node:assert/strict';
import { chmodSync, statSync } from 'node:fs';
import { test } from 'node:test';
import {
  accountOf,
  type Credentials,
  isSameLogin,
  parseCredentials,
  readStored,
} from '../../src/auth/credentials.ts';
import { keepCopy } from '../../src/auth/credentials-file.ts';
import { signed } from '../support/arcade/tokens.ts';
import { KEY, loginOf } from '../support/credentials.ts';
import { sandbox } from '../support/sandbox.ts';

const tokenOf = (sub: string, jti = ''): string => signed({ sub, jti }, 0, 1);

test('the shapes of the Python CLI', () => {
  const key = parseCredentials({ cloud: { api: { key: 'k' }, user: { email: 'a@b' } } });
  assert.deepEqual(key, { ...KEY, source: 'file', email: 'a@b' });
  const context = { org_id: 'o', org_name: 'O', project_id: 'p', project_name: 'P' };
  const auth = { access_token: 't', refresh_token: 'r', expires_at: '2030-01-01T00:00:00+01:00' };
  assert.deepEqual(
    parseCredentials({ cloud: { auth, context, coordinator_url: 'https://c', user: { email: 'a@b' } } }),
    loginOf({
      expiresAt: Date.UTC(2029, 11, 31, 23),
      coordinatorUrl: 'https://c',
      context: { orgId: 'o', orgName: 'O', projectId: 'p', projectName: 'P' },
    }),
  );
});

test('what is no credentials, and what is nothing', () => {
  for (const content of [{}, { other: 'x' }, { cloud: null }, { cloud: {} }])
    assert.deepEqual(parseCredentials(content), { kind: 'none' }, JSON.stringify(content));
  for (const content of [
    { cloud: [] },
    { cloud: 'x' },
    { cloud: { api: null } },
    { cloud: { api: { key: '' } } },
    { cloud: { auth: { access_token: ' ' } } },
    { cloud: { auth: { refresh_token: 'r' } } },
  ]) {
    assert.equal(parseCredentials(content), undefined, JSON.stringify(content));
  }
});

test('a file is read as text: an unquoted time without a zone is local', async (t) => {
  const home = sandbox(t);
  for (const [written, expected] of [
    ['2030-06-01T12:00:00', new Date(2030, 5, 1, 12).getTime()],
    ["'2030-06-01T12:00:00.123456'", new Date(2030, 5, 1, 12, 0, 0, 123).getTime()],
    ['2030-06-01 12:00:00', new Date(2030, 5, 1, 12).getTime()],
    ['2030-06-01T12:00:00Z', Date.UTC(2030, 5, 1, 12)],
    ["'soon'", null],
    ['12', null],
  ] as const) {
    home.write('credentials.yaml', `cloud:\n  auth:\n    access_token: t\n    expires_at: ${written}\n`);
    const found = await readStored(home.directory);
    assert.equal(found.kind === 'oauth' ? found.expiresAt : 'other', expected, written);
  }
});

test('an empty file is nobody; a broken one is an error that names it', async (t) => {
  const home = sandbox(t);
  assert.deepEqual(await readStored(home.directory), { kind: 'none' });
  for (const content of [' \n', 'cloud: {}', 'other: x']) {
    home.write('credentials.yaml', content);
    assert.deepEqual(await readStored(home.directory), { kind: 'none' }, content);
  }
  for (const content of ['cloud: [', '- a', 'cloud: []', 'text', new Uint8Array([0xff, 0xfe, 0]), 'a: *b']) {
    home.write('credentials.yaml', content);
    const code = { code: 'CREDENTIALS_MALFORMED', message: /credentials\.yaml could not be parsed/ };
    await assert.rejects(readStored(home.directory), code);
  }
  home.write('credentials.yaml', 'x'.repeat(2_000_000));
  await assert.rejects(readStored(home.directory), { code: 'CREDENTIALS_UNREADABLE' });
});

test('a login stays the same when its tokens change, and is another for another person', () => {
  const login = (changes: object): Credentials =>
    loginOf({ accessToken: tokenOf('a'), coordinatorUrl: 'https://c', ...changes });
  const one = login({});
  assert.ok(isSameLogin(one, login({ accessToken: tokenOf('a'), expiresAt: 7, accountId: 'a' })));
  assert.equal(accountOf(one), accountOf(login({ accessToken: tokenOf('a', 'a later token') })));
  for (const changes of [{ accessToken: tokenOf('b') }, { email: 'b@b' }, { coordinatorUrl: 'https://d' }]) {
    assert.ok(!isSameLogin(one, login(changes)), JSON.stringify(changes));
  }
  assert.ok(!isSameLogin(one, { kind: 'none' }));
  assert.ok(
    isSameLogin(login({ accessToken: 'opaque', email: null }), login({ accessToken: 'other', email: null })),
  );
});

test('the copy of a file that holds no login is for its owner alone, also where the file is not ours to close', (t) => {
  const file = sandbox(t).write('credentials.yaml', 'cloud: [');
  chmodSync(file, 0o644);
  assert.equal(statSync(keepCopy(file)).mode & 0o777, 0o600);
});
