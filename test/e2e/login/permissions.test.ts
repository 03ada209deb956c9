/** Homes and files that belong to somebody else, or that nobody may write. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { keyOf } from '../../support/arcade/accounts.ts';
import { arcade, NOBODY, notRoot, type Ran, UNTRACKED } from '../../support/cli.ts';
import { inside } from '../../support/inside.ts';
import { type Sandbox, sandbox } from '../../support/sandbox.ts';
import { world } from '../../support/world.ts';

/** Nobody stands in the way of root, so these run as somebody else. */
const skip = notRoot;

const asNobody = (home: Sandbox, args: readonly string[]): Promise<Ran> =>
  arcade(home, args, { env: UNTRACKED, user: NOBODY });
/** As whoever runs the tests. */
const asRoot = (home: Sandbox, args: readonly string[], input = ''): Promise<Ran> =>
  arcade(home, args, { env: UNTRACKED, input });

test('`login` in a home that cannot be written', { skip }, async (t) => {
  const { home, arcade: server } = await world(t);
  const list = ['secret', 'list', '--host', server.engine.url];
  const old = home.signIn(server, server.user('A'), { expiresInSeconds: -60 });
  chmodSync(home.home, 0o755);
  chmodSync(home.directory, 0o755);
  chmodSync(join(home.directory, 'credentials.yaml'), 0o644);

  const expired = await asNobody(home, list);
  assert.equal(expired.exitCode, 1);
  assert.match(
    expired.stderr,
    /^Error: The credentials file .* cannot be written: permission denied\.\nHint: /,
  );
  assert.equal(server.stateOf(old.refresh_token ?? ''), 'valid', 'the refresh token was not spent in vain');

  const login = await asNobody(home, ['login', '--force', '--host', server.coordinator.url]);
  assert.equal(login.exitCode, 1);
  assert.match(login.stderr, /^Error: .* cannot be written: permission denied\.\nHint: .*ARCADE_API_KEY/);
  const logout = await asNobody(home, ['logout']);
  assert.equal(logout.exitCode, 1);
  assert.match(logout.stderr, /^Error: .* cannot be removed: permission denied\.\nHint: /);

  home.signIn(server, server.user('A'), { expiresInSeconds: 120 });
  chmodSync(join(home.directory, 'credentials.yaml'), 0o644);
  assert.equal((await asNobody(home, list)).exitCode, 0, 'a token that still works is used');
});

test('credentials.yaml of another user', { skip }, async (t) => {
  const { home, arcade: server } = await world(t);
  home.signIn(server, server.user('A'), { expiresInSeconds: 3600 });
  chmodSync(home.home, 0o755);
  chownSync(home.directory, NOBODY, NOBODY);
  for (const args of [
    ['whoami'],
    ['secret', 'list'],
    ['org', 'list'],
    ['login', '--host', server.coordinator.url],
  ]) {
    const ran = await asNobody(home, args);
    assert.equal(ran.exitCode, 1);
    assert.match(
      ran.stderr,
      /^Error: The credentials file .* cannot be read: permission denied\.\nHint: .*\n$/,
    );
  }
});

test('root in the home of another user reads, follows, writes and deletes nothing', { skip }, async (t) => {
  const { arcade: server, user } = await world(t);
  for (const name of ['credentials.yaml', 'credentials.lock', '.arcade']) {
    const home = sandbox(t);
    const precious = join(home.home, 'precious');
    writeFileSync(precious, "root's own", { mode: 0o600 });
    home.signIn(server, server.user('A'), { expiresInSeconds: -60 });
    const place = name === '.arcade' ? home.directory : join(home.directory, name);
    rmSync(place, { recursive: true, force: true });
    const target = name === '.arcade' ? mkdtempSync(join(tmpdir(), 'arcade-root-')) : precious;
    if (name === '.arcade') {
      t.after(() => rmSync(target, { recursive: true, force: true }));
      writeFileSync(join(target, 'credentials.yaml'), 'cloud: {api: {key: root}}');
    }
    symlinkSync(target, place);
    lchownSync(place, NOBODY, NOBODY);
    if (name !== '.arcade') chownSync(home.directory, NOBODY, NOBODY);
    chownSync(home.home, NOBODY, NOBODY);
    const before = listing(home.home);
    for (const args of [
      ['logout'],
      ['login', '--force', '--no-browser', '--host', server.coordinator.url],
      ['login', '--api-key', '--host', server.coordinator.url],
    ]) {
      const ran = await asRoot(home, args, keyOf(user));
      assert.deepEqual([ran.exitCode, ran.stdout], [1, ''], `${name}: ${args.join(' ')}`);
      assert.match(ran.stderr, /^Error: .* belongs to another user\.\nHint: Run the command without sudo/);
    }
    assert.deepEqual(listing(home.home), before);
    assert.equal(readFileSync(precious, 'utf8'), "root's own");
  }
});

test('root makes nothing in the home of another user, and uses nothing that root left there', {
  skip,
}, async (t) => {
  const { arcade: server, user } = await world(t);
  for (const left of [undefined, 'cloud: {api: {key: of-root}}']) {
    const home = sandbox(t);
    if (left !== undefined) home.write('credentials.yaml', left);
    chownSync(home.home, NOBODY, NOBODY);
    const before = listing(home.home);
    for (const args of [
      ['login', '--api-key', '--force', '--host', server.coordinator.url],
      ...(left === undefined ? [] : [['whoami'], ['logout']]),
    ]) {
      const ran = await asRoot(home, args, keyOf(user));
      assert.deepEqual([ran.exitCode, ran.stdout], [1, ''], args.join(' '));
      assert.match(ran.stderr, /^Error: .* belongs to another user\.\nHint: Run the command without sudo/);
    }
    assert.deepEqual(listing(home.home), before);
  }
});

test('root changes no mode where a link of another user leads', { skip }, async (t) => {
  const home = sandbox(t);
  const folder = mkdtempSync(join(tmpdir(), 'arcade-root-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'credentials.yaml');
  writeFileSync(file, 'cloud: {api: {key: of-a-service}}', { mode: 0o644 });
  symlinkSync(folder, home.directory);
  lchownSync(home.directory, NOBODY, NOBODY);
  chownSync(home.home, NOBODY, NOBODY);
  for (const args of [
    ['whoami'],
    ['secret', 'list'],
    ['logout'],
    ['login', '--api-key'],
    ['usage', 'status'],
  ]) {
    await asRoot(home, args);
    assert.equal(statSync(file).mode & 0o777, 0o644, args.join(' '));
  }
});

test('root is told to go on without sudo where a login of another user would be refreshed', {
  skip,
}, async (t) => {
  const { home, arcade: server } = await world(t);
  const tokens = home.signIn(server, server.user('A'), { expiresInSeconds: -60 });
  for (const path of [home.home, home.directory, join(home.directory, 'credentials.yaml')])
    chownSync(path, NOBODY, NOBODY);
  const ran = await asRoot(home, ['org', 'list']);
  assert.equal(ran.exitCode, 1);
  assert.match(ran.stderr, /belongs to another user\.\nHint: Run the command without sudo/);
  assert.equal(server.stateOf(tokens.refresh_token ?? ''), 'valid');
});

const FORBIDDEN: readonly (readonly [string, (home: Sandbox, file: string) => void])[] = [
  ['a file of another user', (_home, file) => chownSync(file, 12_345, 12_345)],
  ['a file that a group may write', (_home, file) => chmodSync(file, 0o660)],
  ['a file that anyone may write', (_home, file) => chmodSync(file, 0o606)],
  ['a folder of another user', ({ directory }) => chownSync(directory, 12_345, 12_345)],
  ['a folder that a group may write', ({ directory }) => chmodSync(directory, 0o770)],
  ['a folder that anyone may write', ({ directory }) => chmodSync(directory, 0o777)],
];

for (const [what, change] of FORBIDDEN) {
  test(`credentials are not taken from ${what}`, { skip }, async (t) => {
    const { home, arcade: server } = await world(t);
    home.signIn(server, server.user('A'), { expiresInSeconds: 3600 });
    change(home, join(home.directory, 'credentials.yaml'));
    const ran = await asRoot(home, ['secret', 'set', 'K=hidden', '--host', server.engine.url]);
    assert.deepEqual([ran.exitCode, ran.stdout, server.requests.length], [1, '', 0]);
    assert.match(ran.stderr, /^Error: \S+ cannot be used for credentials: .*\.\nHint: .*\n$/);
  });
}

test('credentials.yaml that others may read is closed to them, and used', { skip }, async (t) => {
  const { home, arcade: server } = await world(t);
  home.signIn(server, server.user('A'), { expiresInSeconds: 3600 });
  const file = join(home.directory, 'credentials.yaml');
  chmodSync(file, 0o644);
  assert.equal((await asRoot(home, ['whoami'])).exitCode, 0);
  assert.equal(statSync(file).mode & 0o777, 0o600);
});

test('`logout` in a folder of root removes a link alone where what it leads to is not ours', {
  skip,
}, async (t) => {
  const home = sandbox(t);
  const precious = join(home.home, 'precious');
  writeFileSync(precious, 'of another user');
  chownSync(precious, NOBODY, NOBODY);
  home.write('unused', '');
  symlinkSync(precious, join(home.directory, 'credentials.yaml'));
  assert.equal((await asRoot(home, ['logout'])).stdout, "You're now logged out.\n");
  assert.equal(readFileSync(precious, 'utf8'), 'of another user');
  assert.ok(!existsSync(join(home.directory, 'credentials.yaml')));
});

for (const [title, content, said] of [
  ['of the login', 'cloud: {api: {key: hidden}}', "You're now logged out.\n"],
  [
    'of a login whose file is gone, as after a logout of the Python CLI',
    undefined,
    "You're not logged in.\n",
  ],
] as const) {
  test(`\`logout\` removes what killed processes left ${title}`, async (t) => {
    const home = sandbox(t);
    if (content !== undefined) home.write('credentials.yaml', content);
    for (const name of ['.credentials-1-0123456789abcdef.tmp', 'credentials.yaml.bak'])
      home.write(name, 'hidden');
    const { exitCode, stdout } = await inside(home, ['logout']);
    assert.deepEqual([exitCode, stdout, readdirSync(home.directory)], [0, said, ['credentials.lock']]);
  });
}

function listing(home: string): string[] {
  return readdirSync(home, { recursive: true, encoding: 'utf8' }).sort();
}
