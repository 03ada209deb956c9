/** `arcade secret list` and `unset`: what is shown, and what is deleted. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import stringWidth from 'string-width';
import { hasTerminals, onTerminal } from '../../support/terminal.ts';
import { outcome, type World, world } from '../../support/world.ts';

const created_at = '2026-11-22T06:00:00Z';
const NASTY = [
  { key: 'PLAIN', value: 'hidden', description: 'a', created_at, last_accessed_at: '2026-11-22T07:00:00Z' },
  { key: '日本語🔑', value: 'hidden', description: '説明 wide', created_at },
  { key: '\u001b[31mRED', value: 'hidden', description: 'line\nbreak', created_at },
  { key: 'مفتاح\u202e', value: 'hidden', description: '[/x] [bold]b[/bold]', created_at },
  { key: 'VERY_LONG_'.repeat(30), value: 'hidden', description: '', created_at },
];

const NO_TERMINALS = !hasTerminals && 'python3 with its pty module is needed';

function filled({ arcade, user }: World): void {
  for (const secret of NASTY) arcade.store(user, secret);
}

describe('list and unset', { concurrency: 4 }, () => {
  test('secret list that is piped is whole, aligned, sorted by key, and shows what a terminal would obey', async (t) => {
    const at = await world(t);
    filled(at);
    const { exitCode, stdout, stderr } = await at.run(['secret', 'list']);
    assert.deepEqual([exitCode, stderr], [0, '']);
    const [title, heading = '', ...rows] = stdout.trimEnd().split('\n');
    assert.equal(title, 'Tool Secrets');
    assert.match(heading, /^Key +Type +Description +Last Accessed +Created At$/);
    assert.equal(rows.length, NASTY.length);
    for (const row of rows) assert.equal(stringWidth(row), stringWidth(rows[0] ?? ''), row);
    assert.match(rows[0] ?? '', /^\\e\[31mRED +project +line\\nbreak /);
    assert.match(rows[1] ?? '', /^PLAIN +project +a +2026-11-22T07:00:00Z +2026-11-22T06:00:00Z$/);
    assert.match(rows[2] ?? '', /^(VERY_LONG_){30} +project +- +Never /);
    assert.match(rows[3] ?? '', /^مفتاح\\u\{202e\} +project +\[\/x\] \[bold\]b\[\/bold\] /);
    assert.match(rows[4] ?? '', /^日本語🔑 +project +説明 wide +Never +2026/);
    assert.doesNotMatch(stdout, /hidden/);
  });

  for (const columns of [40, 60, 80, 200]) {
    test(`secret list fits a terminal of ${columns} columns`, async (t) => {
      const at = await world(t);
      filled(at);
      const { exitCode, stdout } = await at.inside(['secret', 'list'], { columns });
      assert.equal(exitCode, 0);
      const lines = stdout.trimEnd().split('\n');
      assert.equal(lines.length, NASTY.length + 2);
      for (const line of lines) assert.ok(stringWidth(line) <= columns, line);
      assert.ok(stdout.includes('…'));
    });
  }

  test('secret list on a terminal has its title in bold', { skip: NO_TERMINALS }, async (t) => {
    const at = await world(t);
    filled(at);
    const { shown } = await onTerminal(at, ['secret', 'list']);
    assert.ok(shown.startsWith('\u001b[1mTool Secrets\u001b[22m\n'), shown);
  });

  test('secret list --json has every field, and nothing else, in the order of the server', async (t) => {
    const at = await world(t);
    filled(at);
    const { exitCode, stdout, stderr } = await at.inside(['secret', 'list', '--json']);
    assert.deepEqual([exitCode, stderr], [0, '']);
    assert.deepEqual(JSON.parse(stdout), {
      secrets: NASTY.map(({ key, description, last_accessed_at }) => ({
        key,
        type: 'project',
        description: description === '' ? null : description,
        last_accessed_at: last_accessed_at ?? null,
        created_at,
      })),
    });
  });

  test('secret list of no secrets, and of one without the usual fields', async (t) => {
    const { arcade, inside } = await world(t);
    const none = 'No secrets are set. Set one with `arcade secret set KEY`.\n';
    assert.deepEqual(outcome(await inside(['secret', 'list'])), [0, none, '']);
    assert.deepEqual(outcome(await inside(['secret', 'list', '--json'])), [0, '{\n  "secrets": []\n}\n', '']);
    arcade.fault({}, { kind: 'wrong-json', body: { items: [{ key: 'BARE' }] } });
    const bare = await inside(['secret', 'list']);
    assert.deepEqual([bare.exitCode, bare.stderr], [0, '']);
    assert.match(bare.stdout, /\nBARE {2}- +- +Never +-\n$/);
  });

  test('secret unset deletes in the order given, each once; one that is not there is no failure', async (t) => {
    const { arcade, inside, stored, requests, user } = await world(t, { pageSize: 2 });
    const ids = Object.fromEntries(
      ['A', 'B', 'a/b', 'C', 'D'].map((key) => [key, arcade.store(user, { key, value: 'v' }).id]),
    );
    const ran = await inside(['secret', 'unset', 'C', 'no\u001bne', 'a/b', 'C', 'A', ' B ']);
    assert.deepEqual(outcome(ran), [
      0,
      "Secret 'C' deleted successfully\nSecret 'a/b' deleted successfully\nSecret 'A' deleted successfully\n",
      "Warning: Secret with key 'no\\ene' not found, skipping\nWarning: Secret with key ' B ' not found, skipping\n",
    ]);
    assert.deepEqual(stored(), ['B=v', 'D=v']);
    assert.deepEqual(
      requests().filter((request) => request.startsWith('DELETE')),
      ['C', 'a/b', 'A'].map((key) => `DELETE /v1/admin/secrets/${ids[key]}`),
    );
  });

  test('secret unset reports what failed, goes on with the others, and exits with 1', async (t) => {
    const { arcade, inside, stored, user } = await world(t);
    const [a, b] = ['A', 'B', 'C'].map((key) => arcade.store(user, { key, value: 'v' }).id);
    arcade.fault({ path: new RegExp(`${a}`) }, { kind: 'status', status: 403 });
    arcade.fault({ path: new RegExp(`${b}`) }, { kind: 'status', status: 500 });
    assert.deepEqual(outcome(await inside(['secret', 'unset', 'A', 'B', 'C'])), [
      1,
      "Secret 'C' deleted successfully\n",
      "Failed to delete secret 'A'. Do you have permission to delete this secret?\n" +
        `Failed to delete secret 'B': localhost:${arcade.engine.port} failed (500). Try again later.\n`,
    ]);
    assert.deepEqual(stored(), ['A=v', 'B=v']);
  });

  test('secret unset --json is one document', async (t) => {
    const { arcade, inside, user } = await world(t);
    const [a] = ['A', 'B'].map((key) => arcade.store(user, { key, value: 'v' }).id);
    arcade.fault({ path: new RegExp(`${a}`) }, { kind: 'status', status: 403 });
    const { exitCode, stdout, stderr } = await inside(['secret', 'unset', '--json', 'A', 'none', 'B']);
    assert.deepEqual([exitCode, stderr], [1, '']);
    const error = `localhost:${arcade.engine.port} denied permission (403).`;
    assert.deepEqual(JSON.parse(stdout), {
      results: [
        { key: 'A', ok: false, error },
        { key: 'none', ok: true, found: false },
        { key: 'B', ok: true },
      ],
    });
  });
});
