/**
 * Whatever a server, a file, the environment or an argument holds: nothing of it is obeyed by a terminal, and
 * nothing that nobody could see is passed on.
 */
import assert from 'node:assert/strict';
import { chmodSync, chownSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import Database from 'better-sqlite3';
import { type Arcade, startArcade } from '../../support/arcade.ts';
import { arcade, NOBODY, notRoot, type Ran, TRACKED } from '../../support/cli.ts';
import { inside } from '../../support/inside.ts';
import { type Sandbox, sandbox } from '../../support/sandbox.ts';
import { seeded } from '../../support/seed.ts';

/** All C0 controls, DEL, all C1 controls, marks that reorder a line, what has no width, variants, tags, half a pair. */
const HOSTILE = [
  ...Array.from({ length: 32 }, (_, i) => i),
  ...Array.from({ length: 33 }, (_, i) => 0x7f + i),
  ...[0xad, 0x61c, 0x180e, 0x200b, 0x200e, 0x200f, 0x2028, 0x2029],
  ...[0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2060, 0x2066, 0x2067, 0x2068, 0x2069],
  ...[
    0xfe00, 0xfe0f, 0xfeff, 0xfff9, 0x1d173, 0x1d17a, 0x200c, 0x200d, 0x180b, 0x180f, 0x34f, 0xfff0, 0xfff8,
    0xfdd0, 0xffff, 0x1bca0, 0xe0001, 0xe0041, 0xe0100, 0xe01ef, 0xd800,
  ],
].map((code) => String.fromCodePoint(code));
/** What they make together: a title, a link, a cleared screen, a report that is typed in, an 8-bit CSI. */
const SEQUENCES = [
  '\u001b]0;title\u0007',
  '\u001b]8;;http://x\u001b\\link\u001b]8;;\u001b\\',
  '\u001b[2J\u001b[H',
  '\u001b[6n',
  '\u001bP$q"p\u001b\\',
  '\u009b31m',
  '\u001b[31mred',
  '\rover',
  '\b\b\b',
];
const ALL = `${HOSTILE.map((character, i) => `${i}${character}`).join('')}${SEQUENCES.join('')}`;
/** What an argument, a variable or a file's name can hold: no NUL, and whole characters. */
const TYPED = ALL.replaceAll('\0', '').replaceAll('\ud800', '');

const OBEYED =
  /(?!\n)[\ufe00-\ufe0f\u034f\u180b-\u180f\ufff0-\ufff8\ufdd0\uffff\u{1bca0}-\u{1bca3}\p{Cc}\p{Cs}\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}]/u;

/** A colour that is let through where it is ours: what follows cannot be seen. */
const CONCEALED = '\u001b[8m';

let server: Arcade;
before(async () => {
  server = await startArcade();
  const name = ALL;
  const answers: readonly [RegExp, unknown][] = [
    [/whoami$/, { data: { account_id: ALL, email: `${ALL}@x`, organizations: [], projects: [] } }],
    [/projects$/, { data: { items: [{ project_id: ALL, name, is_default: true }] } }],
    [/orgs$/, { data: { items: [{ organization_id: ALL, org_id: ALL, name, is_default: true }] } }],
  ];
  for (const [path, body] of answers)
    server.fault({ path }, { kind: 'status', status: 200, body }, Number.POSITIVE_INFINITY);
  const secret = { id: ALL, key: ALL, binding: { type: ALL }, description: ALL, last_accessed_at: ALL };
  const body = { items: [{ ...secret, created_at: ALL }] };
  const match = { path: /secrets/, method: 'GET' };
  server.fault(match, { kind: 'status', status: 200, body }, Number.POSITIVE_INFINITY);
  const said = { name: ALL, message: ALL, detail: ALL, error: ALL, error_description: ALL };
  for (const method of ['PUT', 'DELETE'])
    server.fault(
      { path: /secrets/, method },
      { kind: 'status', status: 400, body: said, headers: { 'x-said': 'x' } },
      Number.POSITIVE_INFINITY,
    );
});
after(() => server.close());

/** A login whose names are hostile, in a folder with a hostile name. */
function prepared(home: Sandbox): string {
  home.signIn(server, server.user('A'), {
    email: `${ALL.replace('\ud800', '')}@x`,
    context: { org_id: 'o', org_name: TYPED, project_id: 'p', project_name: TYPED },
  });
  const folder = join(home.home, TYPED.replaceAll('/', '').slice(0, 60));
  mkdirSync(folder);
  writeFileSync(join(folder, '.env'), `${TYPED}\n${TYPED}=1\nKEY=${TYPED}\n`);
  return folder;
}

const COMMANDS: readonly (readonly string[])[] = [
  ['secret', 'list'],
  ['secret', 'list', '--json'],
  ['secret', 'set', `${TYPED}=1`],
  ['secret', 'set', `KEY=${TYPED}`],
  ['secret', 'set', `KEY=${TYPED}`, '--json'],
  ['secret', 'set', '--from-env'],
  ['secret', 'set', '--from-env', '--env-file', TYPED],
  ['secret', 'unset', TYPED],
  ['secret', 'unset', TYPED, '--json'],
  ['secret', TYPED],
  ['secret', 'list', `--${TYPED}`],
  ['secret', 'list', '--host', TYPED],
  ['secret', 'list', '--port', TYPED],
  [TYPED],
  ['whoami'],
  ['whoami', '--json'],
  ['org', 'list'],
  ['org', 'list', '--json'],
  ['org', 'set', TYPED],
  ['project', 'list'],
  ['project', 'set', TYPED],
  ['usage', 'list', '--state', TYPED],
  ['usage', 'show', TYPED],
  ['usage', 'preview', '--', 'secret', 'set', TYPED],
  ['usage', 'requeue', TYPED],
  ['usage', 'export', '--format', TYPED],
  ['usage', 'report', '--output', join(TYPED.replaceAll('/', '').slice(0, 60), 'x.html')],
];

function safe({ stdout, stderr }: Pick<Ran, 'stdout' | 'stderr'>, what: readonly string[]): void {
  for (const text of [stdout, stderr]) {
    const found = OBEYED.exec(text);
    assert.equal(found, null, `${JSON.stringify(what)}: ${JSON.stringify(text)} at ${found?.index}`);
  }
}

describe('a terminal obeys nothing that comes from outside', { concurrency: 3 }, () => {
  for (const words of COMMANDS) {
    test(JSON.stringify(words).slice(0, 60), async (t) => {
      const home = sandbox(t);
      const folder = prepared(home);
      for (const debug of ['', '1']) {
        const env = { ARCADE_URL: server.url, ARCADE_DEBUG: debug };
        const needsFolder = words.includes('--from-env') || words.includes('--output');
        const ran = needsFolder
          ? await arcade(home, words, { env, cwd: folder })
          : await inside(home, words, { env: { ...TRACKED, ...env } });
        safe(ran, words);
        assert.ok((ran.stdout + ran.stderr).length > 0, 'it says something');
        // Escaped as JSON has it: a program reads what was meant.
        if (words.includes('--json')) assert.doesNotThrow(() => JSON.parse(ran.stdout), ran.stdout);
      }
    });
  }

  test('in what `secret list` shows, all of it can be seen', async (t) => {
    const home = sandbox(t);
    prepared(home);
    const { stdout } = await inside(home, ['secret', 'list'], { env: { ARCADE_URL: server.url } });
    for (const shown of [
      '\\u{0}',
      '\\e[2J',
      '\\u{9b}31m',
      '\\u{202e}',
      '\\u{2066}',
      '\\u{200b}',
      '\\u{e0041}',
    ])
      assert.ok(stdout.includes(shown), shown);
  });

  test('usage views of a spool with hostile rows, and of hostile settings', async (t) => {
    const home = seeded(t, { records: 6, delivered: 2, quarantined: 1 });
    const db = new Database(join(home.directory, 'usage.db'));
    db.prepare('UPDATE record SET distinct_id = ?, reason = ?, command_name = ?').run(TYPED, TYPED, TYPED);
    db.prepare('UPDATE identity SET anon_id = ?').run(TYPED);
    db.close();
    home.write('usage.json', JSON.stringify({ anon_id: TYPED, linked_principal_id: TYPED }));
    const env = { ARCADE_POSTHOG_HOST: `http://${TYPED}`, ARCADE_POSTHOG_API_KEY: TYPED, HTTPS_PROXY: TYPED };
    const views = ['status', 'list', 'show 1', 'identity', 'stats', 'doctor', 'export', 'flush'];
    for (const view of views) {
      for (const more of [[], ['--json']]) {
        const words = ['usage', ...view.split(' '), ...more];
        safe(await inside(home, words, { env: { ...env, ARCADE_DEBUG: '1' } }), words);
      }
    }
  });

  test('a work directory with a hostile name', async (t) => {
    const home = sandbox(t);
    const place = join(home.home, TYPED.replaceAll('/', '').slice(0, 60));
    mkdirSync(place);
    mkdirSync(join(place, '.arcade'), { mode: 0o755 });
    const env = { ARCADE_WORK_DIR: place, ARCADE_DEBUG: '1' };
    for (const content of [undefined, `x: "${TYPED}"\n- ]`]) {
      if (content !== undefined) writeFileSync(join(place, '.arcade', 'credentials.yaml'), content);
      for (const line of ['usage doctor', 'usage status', 'whoami', 'secret list', 'logout'])
        safe(await inside(home, line.split(' '), { env: { ...TRACKED, ...env } }), [line]);
    }
  });

  test('a colour of our own in a path is shown, and not obeyed: the name of a report', async (t) => {
    const home = seeded(t, { records: 2 });
    const words = ['usage', 'report', '--output', `o${CONCEALED}.html`];
    const written = await arcade(home, words);
    safe(written, words);
    assert.ok(written.stdout.endsWith('/o\\e[8m.html\n'), written.stdout);
    assert.ok(existsSync(join(home.home, `o${CONCEALED}.html`)));
    const json = await arcade(home, [...words, '--json']);
    assert.ok((JSON.parse(json.stdout) as { path: string }).path.endsWith(`/o${CONCEALED}.html`));
    writeFileSync(join(home.home, `p${CONCEALED}.html`), 'no report');
    const refused = await arcade(home, ['usage', 'report', '--output', `p${CONCEALED}.html`]);
    safe(refused, words);
    assert.match(refused.stderr, /\/p\\e\[8m\.html already exists/);
  });

  for (const variable of ['HOME', 'ARCADE_WORK_DIR']) {
    test(`a colour of our own in a path is shown, and not obeyed: ${variable}`, async (t) => {
      const home = sandbox(t);
      const place = join(home.home, `h${CONCEALED}`);
      mkdirSync(place);
      chmodSync(place, 0o500);
      // Root may write everywhere.
      const user = notRoot === false ? { user: NOBODY } : {};
      if (notRoot === false) for (const path of [home.home, place]) chownSync(path, NOBODY, NOBODY);
      for (const line of ['usage status', 'usage doctor', 'login --api-key']) {
        const ran = await arcade(home, line.split(' '), { env: { [variable]: place }, ...user });
        safe(ran, [line]);
        assert.ok((ran.stdout + ran.stderr).includes('h\\e[8m'), `${line}: ${ran.stdout}${ran.stderr}`);
      }
    });
  }
});
