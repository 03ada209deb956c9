/** The package as strangers have it: what is in it, and that it works however it was installed. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { execa } from 'execa';
import manifest from '../../package.json' with { type: 'json' };
import { keyOf } from '../support/arcade/accounts.ts';
import { everyones, NOBODY, notRoot } from '../support/cli.ts';
import { INSTALLERS, NPM, NPM_10, openRegistry, openWorkshop, type Workshop } from '../support/installed.ts';
import { until } from '../support/until.ts';
import { world } from '../support/world.ts';

const ROOT = join(import.meta.dirname, '..', '..');
let workshop: Workshop;
let installed: Promise<string>;

before(async () => {
  workshop = await openWorkshop();
});
after(() => workshop.remove());

/** A test that needs the registry says so where it is not to be had. */
const online = (name: string, body: (t: TestContext) => Promise<void>): void => {
  test(name, async (t) => {
    if (workshop.unreachable !== undefined) return t.skip(`no registry: ${workshop.unreachable}`);
    return body(t);
  });
};

/** Installed once, for the tests that do not ask how. */
const onceInstalled = (): Promise<string> => {
  installed ??= NPM.install(workshop, join(workshop.folder, 'a folder with blanks'));
  return installed;
};

interface Machine {
  readonly env: Record<string, string>;
  readonly home: string;
  readonly stored: () => readonly { readonly event: string }[];
}

/** A home of a user who is signed in, on a machine with stand-ins for Arcade and PostHog. */
async function machine(t: TestContext): Promise<Machine> {
  const { arcade, posthog, home } = await world(t);
  const env = {
    PATH: [dirname(process.execPath), process.env.PATH].join(delimiter),
    HOME: home.home,
    ARCADE_URL: arcade.url,
    ARCADE_API_KEY: keyOf(arcade.user('A')),
    ...posthog.env,
  };
  return { env, home: home.home, stored: () => posthog.stored() };
}

type As = { readonly uid?: number; readonly gid?: number };

async function run(command: string, words: readonly string[], { env, home }: Machine, as: As = {}) {
  const ran = await execa(command, words, { env, extendEnv: false, reject: false, cwd: home, ...as });
  return { exitCode: ran.exitCode, stdout: ran.stdout, stderr: ran.stderr };
}

/** A command is recorded, its event arrives, and `usage list` shows it. */
async function recordsSendsAndLists(command: string, at: Machine, as: As = {}): Promise<void> {
  const ran = await run(command, ['secret', 'list', '--json'], at, as);
  assert.deepEqual([ran.exitCode, JSON.parse(ran.stdout)], [0, { secrets: [] }], ran.stderr);
  await until(() => at.stored().some(({ event }) => event === 'CLI execution succeeded'), {
    what: 'the event to arrive',
    timeoutMs: 30_000,
  });
  const { stdout } = await run(command, ['usage', 'list', '--json'], at, as);
  const { records } = JSON.parse(stdout) as { records: { command_name: string }[] };
  assert.ok(
    records.some(({ command_name }) => command_name === 'secret.list'),
    stdout,
  );
}

test('the package holds the files that .ci/package-files.txt lists, and is small', async () => {
  const { stdout } = await execa('tar', ['-tzf', workshop.archive]);
  const wanted = readFileSync(join(ROOT, '.ci', 'package-files.txt'), 'utf8')
    .trim()
    .split('\n')
    .filter((path) => path !== 'migrations/NUMBER_NAME.sql')
    .concat(readdirSync(join(ROOT, 'migrations')).map((name) => `migrations/${name}`));
  assert.deepEqual(stdout.split('\n').sort(), wanted.map((path) => `package/${path}`).sort());
  assert.ok(statSync(workshop.archive).size < 700_000, `${statSync(workshop.archive).size} bytes`);
});

test('it names what a user needs, and every package that comes along by its content', async () => {
  const read = async (file: string) =>
    JSON.parse((await execa('tar', ['-xzOf', workshop.archive, `package/${file}`])).stdout);
  const packed = await read('package.json');
  for (const name of ['scripts', 'devDependencies', 'private']) assert.ok(!(name in packed), name);
  const { packages } = (await read('npm-shrinkwrap.json')) as {
    packages: Record<string, { integrity: string; gypfile?: boolean; hasInstallScript?: boolean }>;
  };
  const names = Object.keys(packages).filter((path) => path !== '');
  assert.deepEqual(names, ['node_modules/better-sqlite3', 'node_modules/node-addon-api']);
  for (const name of names) {
    assert.match(packages[name]?.integrity ?? '', /^sha512-/);
    assert.equal(packages[name]?.hasInstallScript, undefined);
  }
  assert.equal(packages['node_modules/better-sqlite3']?.gypfile, false);
});

for (const installer of INSTALLERS) {
  online(`installed by ${installer.name}, it records, sends and lists`, async (t) => {
    if (installer.unfit) return t.skip(installer.unfit);
    const folder = join(workshop.folder, installer.name.replace(/\W+/g, '-'));
    const command = await installer.install(workshop, folder);
    const at = await machine(t);
    await recordsSendsAndLists(command, at);
    const ran = await run(command, ['secret', 'set', '--from-env', '--env-file', 'missing.env'], at);
    assert.equal(ran.exitCode, 1, 'Node takes --env-file for its own, and ends with 9');
    assert.match(ran.stderr, /missing\.env/);
    for (const place of readdirSync(folder, { recursive: true, encoding: 'utf8' }))
      assert.doesNotMatch(place, /better-sqlite3.build$/, 'nothing was compiled');
  });
}

online('npm refuses a better-sqlite3 of other content than its shrinkwrap says', async () => {
  const folder = join(workshop.folder, 'other-content');
  mkdirSync(folder);
  await execa('tar', ['-xzf', workshop.archive, '-C', folder]);
  const lock = join(folder, 'package', 'npm-shrinkwrap.json');
  writeFileSync(lock, readFileSync(lock, 'utf8').replace(/"sha512-.{8}/, '"sha512-AAAAAAAA'));
  const archive = join(folder, 'other.tgz');
  await execa('tar', ['-czf', archive, '-C', folder, 'package']);
  const registry = await openRegistry(archive);
  try {
    const install = NPM_10.install({ ...workshop, archive, registry: registry.url }, join(folder, 'prefix'));
    await assert.rejects(install, /EINTEGRITY/);
  } finally {
    registry.close();
  }
});

online('the shims that npm writes on Windows hand --env-file to the program too', async () => {
  const { default: cmdShim } = await import(
    join(workshop.folder, 'node_modules', 'cmd-shim', 'lib', 'index.js')
  );
  const shim = join(workshop.folder, 'shims', 'arcade');
  await cmdShim(join(ROOT, 'dist', 'arcade.js'), shim);
  assert.match(readFileSync(`${shim}.cmd`, 'utf8'), /"%_prog%" +-- +"[^"]*arcade\.js" %\*/);
  assert.match(readFileSync(`${shim}.ps1`, 'utf8'), /node\$exe" +-- +"[^"]*arcade\.js" \$args/);
  assert.match(readFileSync(shim, 'utf8'), /exec node +-- +"[^"]*arcade\.js" "\$@"/);
});

online('it works in a folder with blanks, and through a symbolic link', async (t) => {
  const at = await machine(t);
  const link = join(at.home, 'a link to it');
  symlinkSync(await onceInstalled(), link);
  await recordsSendsAndLists(link, at);
});

online('it works for another user than the one who installed it', async (t) => {
  if (notRoot) return t.skip(notRoot);
  const [command, at] = [await onceInstalled(), await machine(t)];
  chmodSync(workshop.folder, 0o755);
  await execa('chown', ['-R', `${NOBODY}:${NOBODY}`, at.home]);
  const env = { ...at.env, PATH: [dirname(everyones().node), '/usr/bin', '/bin'].join(delimiter) };
  await recordsSendsAndLists(command, { ...at, env }, { uid: NOBODY, gid: NOBODY });
  assert.equal(statSync(join(at.home, '.arcade', 'usage.db')).uid, NOBODY);
});

online('uninstalled, nothing of the program is left', async () => {
  const folder = join(workshop.folder, 'uninstalled');
  const command = await NPM.install(workshop, folder);
  await execa('npm', ['uninstall', '--global', '--prefix', folder, manifest.name]);
  assert.ok(
    !readdirSync(folder, { recursive: true, encoding: 'utf8' }).some((path) => /arcade/.test(path)),
    command,
  );
});
