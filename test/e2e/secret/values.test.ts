/** Values from standard input and from environment files. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: files say it
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  constants,
  mkdirSync,
  openSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { execa } from 'execa';
import { readEnvFile } from '../../../src/secrets/env-file.ts';
import { baseEnvironment, PROGRAM, startArcadeCli } from '../../support/cli.ts';
import { until } from '../../support/until.ts';
import { outcome, world } from '../../support/world.ts';

const OK = "Secret 'K' set successfully\n";
const FORMAT =
  'Error: Invalid format (argument 1). Expected KEY=VALUE\nHint: Standard input is empty. KEY alone reads its value from there, or prompts for it on a terminal.\n';
const PEM = '-----BEGIN KEY-----\nMIIB=\n-----END KEY-----';

describe('values', { concurrency: 4 }, () => {
  for (const [title, input, value] of [
    ['a line', 'v\n', 'v'],
    ['a line with CRLF', 'v\r\n', 'v'],
    ['text without a line end', 'v', 'v'],
    ['a key file, byte for byte', `${PEM}\n`, `${PEM}\n`],
    ['several lines, byte for byte', 'a\r\nb\n\n', 'a\r\nb\n\n'],
    ['a lone CR at the end', 'v\r', 'v\r'],
    ['blanks', ' v \n', ' v '],
    ['a dash', '-', '-'],
    ['U+FFFD', '\ufffd', '\ufffd'],
    ['a byte-order mark, which is dropped', '\ufeffv\r\n', 'v'],
    ['UTF-16 with a byte-order mark', Buffer.from('\ufeffv\r\n', 'utf16le'), 'v'],
  ] as const) {
    test(`standard input may hold ${title}`, async (t) => {
      const { inside, stored } = await world(t);
      for (const args of [['K', '--stdin'], ['K=-'], ['K']]) {
        const { exitCode, stderr } = await inside(['secret', 'set', ...args], { input });
        assert.deepEqual([exitCode, stderr, stored()], [0, '', [`K=${value}`]]);
      }
    });
  }

  test('secret set K takes what is piped in, K=- and --stdin too, beside pairs', async (t) => {
    const { run, stored } = await world(t);
    const input = `${PEM}\n`;
    const told = (key: string): string => `Secret '${key}' with value ending in ...---- set successfully\n`;
    const pairs = ["Secret 'A' set successfully\n", "Secret 'B' set successfully\n"];
    for (const args of [
      ['A=1', 'K=-', 'B=2'],
      ['A=1', 'K', 'B=2'],
    ]) {
      const ran = await run(['secret', 'set', ...args], { input });
      assert.deepEqual(outcome(ran), [0, pairs.join(told('K')), '']);
    }
    assert.deepEqual(outcome(await run(['secret', 'set', 'L', '--stdin'], { input })), [0, told('L'), '']);
    assert.deepEqual(stored().sort(), ['A=1', 'B=2', `K=${input}`, `L=${input}`]);
  });

  const BINARY = 'Encode binary values first, for example with base64.';
  for (const [title, input, message, hint] of [
    ['nothing', '', 'No value on standard input.'],
    ['a line end', '\n', 'No value on standard input.'],
    ['blanks', ' \t\r\n', 'No value on standard input.'],
    [
      'bytes that are not UTF-8',
      Buffer.from([0x68, 0xff, 0xfe]),
      'Standard input is not UTF-8 text.',
      BINARY,
    ],
    ['half a character', Buffer.from('🔑').subarray(0, 3), 'Standard input is not UTF-8 text.', BINARY],
    ['NUL', 'a\0b', 'Standard input contains a NUL character.', BINARY],
    [
      'UTF-16 without a mark',
      Buffer.from('value', 'utf16le'),
      'Standard input is UTF-16 without a byte-order mark.',
      'Convert it to UTF-8.',
    ],
    ['far too much', Buffer.alloc(17 * 1024 * 1024, 'x'), 'Standard input is too large.'],
  ] as const) {
    test(`standard input may not hold ${title}`, async (t) => {
      const { inside, requests } = await world(t);
      const ran = await inside(['secret', 'set', 'K', '--stdin'], { input });
      const shown = hint ?? 'Run `arcade secret set --help` for usage.';
      assert.deepEqual(outcome(ran), [2, '', `Error: ${message}\nHint: ${shown}\n`]);
      // Without the option, nothing there is no value.
      const implied = await inside(['secret', 'set', 'K'], { input });
      const expected = message.startsWith('No value') ? FORMAT : ran.stderr;
      assert.deepEqual(outcome(implied), [2, '', expected]);
      assert.deepEqual(requests(), []);
    });
  }

  test('secret set K says what it waits for when nothing is piped in for long', async (t) => {
    const { env, home, stored } = await world(t);
    const running = execa(process.execPath, ['--', PROGRAM, 'secret', 'set', 'K'], {
      env: { ...baseEnvironment(home), ...env },
      extendEnv: false,
      stdin: 'pipe',
    });
    let told = '';
    running.stderr.on('data', (chunk) => {
      told += chunk;
    });
    await until(() => told === 'Waiting for the value on standard input.\n', { what: 'the note' });
    running.stdin.end('v\n');
    assert.equal((await running).exitCode, 0);
    assert.deepEqual(stored(), ['K=v']);
  });

  test('standard input that is a directory holds no value', async (t) => {
    const { run, requests } = await world(t);
    const ran = await run(['secret', 'set', 'K', '--stdin'], { shell: '"$@" < /' });
    assert.deepEqual([ran.exitCode, ran.stdout, requests()], [2, '', []]);
    assert.match(ran.stderr, /^Error: No value on standard input\.\nHint: /);
  });

  const FILE = [
    '\ufeff# a comment',
    'A=1',
    'export B="two # 2" # a comment',
    'no equals hidden',
    'C=',
    `D='${PEM}'`,
    'C D=hidden',
    'A=3',
    'ARCADE_API_KEY=hidden',
    'x.y-z=${A}\r',
  ].join('\n');
  const WARNINGS = [
    'Warning: Line 4: no "=" (skipped).',
    'Warning: Line 5: empty value (skipped).',
    'Warning: Line 9: invalid name (skipped); a name has letters, digits, "_", "." and "-", and begins with a letter or "_".',
    'Warning: Line 12: ${...} or $(...) is not expanded; the value is sent as written.',
    'Warning: Skipped ARCADE_API_KEY, a credential of Arcade itself. To set it anyway, name it on the command line.',
    '',
  ].join('\n');

  test('secret set --from-env sets .env, and names its doubtful lines by number alone', async (t) => {
    const { home, run, stored } = await world(t);
    writeFileSync(join(home.home, '.env'), FILE);
    const told = ['A', 'B', 'D', 'x.y-z'].map((key) =>
      key === 'D' ? "Secret 'D' with value ending in ...----" : `Secret '${key}'`,
    );
    const ran = await run(['secret', 'set', '--from-env']);
    assert.deepEqual(outcome(ran), [0, told.map((each) => `${each} set successfully\n`).join(''), WARNINGS]);
    assert.deepEqual(stored().sort(), ['A=3', 'B=two # 2', `D=${PEM}`, 'x.y-z=${A}']);
  });

  test('an environment file may be named, be a link, and hold a dash', async (t) => {
    const { home, run, stored } = await world(t);
    writeFileSync(join(home.home, 'prod env'), 'K=-');
    symlinkSync('prod env', join(home.home, 'link'));
    const given = { input: 'nothing reads this' };
    assert.deepEqual(outcome(await run(['secret', 'set', '-f', 'link'], given)), [0, OK, '']);
    assert.deepEqual(stored(), ['K=-']);
  });

  test('secret set --env-file - reads standard input, as lines or JSON, and never a terminal', async (t) => {
    const { inside, stored, requests } = await world(t);
    const line = ['secret', 'set', '--env-file', '-'];
    assert.deepEqual(outcome(await inside(line, { input: 'K=1\n' })), [0, OK, '']);
    assert.deepEqual(outcome(await inside([...line, '--from-env'], { input: '{"K": 2}' })), [0, OK, '']);
    assert.deepEqual([stored(), requests().length], [['K=2'], 2]);
    const empty = await inside(line, { input: '' });
    assert.equal(empty.stderr.split('\n')[0], 'Error: No secrets were found in standard input.');
    const typed = await inside(line, { typed: [] });
    assert.deepEqual([typed.exitCode, requests().length], [2, 2]);
    assert.match(
      typed.stderr,
      /^Error: --env-file - reads a pipe or a file, but standard input is a terminal\./,
    );
  });

  test('secret set --only and --exclude select from the file, and name what matches nothing', async (t) => {
    const { arcade, inside, stored, user } = await world(t);
    arcade.store(user, { key: 'DB_HOST', value: 'old' });
    const input = 'DB_HOST=h\nDB_PASS=hidden\nAPI=hidden\nARCADE_WORKER_SECRET=hidden';
    const line = ['secret', 'set', '-f', '-', '--only', 'DB_*', '--exclude', 'DB_PASS,DB_PAS'];
    const warnings = [
      'Warning: Skipped ARCADE_WORKER_SECRET, a credential of Arcade itself. To set it anyway, name it on the command line.\n',
      "Warning: No secret in standard input matches 'DB_PAS'.\n",
    ].join('');
    const plan = [
      "Would replace secret 'DB_HOST'\n",
      "Would skip secret 'ARCADE_WORKER_SECRET' (reserved)\n",
      "Would skip secret 'DB_PASS' (not selected)\n",
      "Would skip secret 'API' (not selected)\n",
    ].join('');
    const planned = await inside([...line, '--dry-run'], { input });
    assert.deepEqual(outcome(planned), [0, plan, `${warnings}Nothing was sent (--dry-run).\n`]);
    assert.deepEqual(stored(), ['DB_HOST=old']);
    const done = await inside(line, { input });
    assert.deepEqual(outcome(done), [0, "Secret 'DB_HOST' set successfully\n", warnings]);
    assert.deepEqual(stored(), ['DB_HOST=h']);
    const none = await inside(['secret', 'set', '-f', '-', '--only', 'X'], { input: 'K=hidden' });
    const told =
      "Warning: No secret in standard input matches 'X'.\n" +
      'Error: No secrets were selected in standard input.\nHint: Check --only and --exclude.\n';
    assert.deepEqual(outcome(none), [1, '', told]);
  });

  test('secret set ARCADE_API_KEY=... is set: it was named', async (t) => {
    const { inside, stored } = await world(t);
    assert.equal((await inside(['secret', 'set', 'ARCADE_API_KEY=v'])).exitCode, 0);
    assert.deepEqual(stored(), ['ARCADE_API_KEY=v']);
  });

  const cannot = (path: string, why: string): string =>
    `Error: Cannot read the environment file ${path}: ${why}.\nHint: Name another file with --env-file.\n`;
  const NONE = 'Error: No secrets were found in AT/file.\nHint: Write one KEY=VALUE per line.\n';
  for (const [title, path, stderr, content] of [
    ['that does not exist', 'AT/no\u001bne', cannot('AT/no\\ene', 'it does not exist')],
    ['that is a directory', 'AT/made', cannot('AT/made', 'it is a directory')],
    ['below a file', 'AT/file/x', cannot('AT/file/x', 'a parent of its path is a file')],
    ['that is a device', '/dev/zero', cannot('/dev/zero', 'it is neither a file nor a pipe')],
    ['that links to itself', 'AT/loop', cannot('AT/loop', 'too many levels of symbolic links')],
    ['with a name that is too long', 'x'.repeat(300), cannot('x'.repeat(300), 'its name is too long')],
    ['that is empty', 'AT/file', NONE, ''],
    ['of comments', 'AT/file', NONE, '# K=v\n'],
    ['with an open quote', 'AT/file', 'Error: Line 2 ', 'A=1\nK="hidden\n'],
    [
      'that is too large',
      'AT/file',
      cannot('AT/file', 'it is too large'),
      Buffer.alloc(17 * 1024 * 1024, 'K=v\n'),
    ],
  ] as const) {
    test(`of an environment file ${title} nothing is sent`, async (t) => {
      const { home, inside, requests } = await world(t);
      mkdirSync(join(home.home, 'made'));
      symlinkSync('loop', join(home.home, 'loop'));
      writeFileSync(join(home.home, 'file'), content ?? 'K=v');
      const ran = await inside(['secret', 'set', '--from-env', '--env-file', path.replace('AT', home.home)]);
      assert.deepEqual([ran.exitCode, ran.stdout, requests()], [1, '', []]);
      const told = ran.stderr.replaceAll(home.home, 'AT');
      if (stderr.endsWith('\n')) assert.equal(told, stderr);
      else assert.ok(told.startsWith(stderr) && /^Error: .*\nHint: .*\n$/.test(told), told);
      assert.doesNotMatch(told, /hidden/);
    });
  }

  test('an environment file may be a pipe of the shell', async (t) => {
    const { run, stored } = await world(t);
    const ran = await run(['secret', 'set', '-f', '/dev/stdin'], { shell: 'printf "A=1\\nK=2" | "$@"' });
    assert.deepEqual(outcome(ran), [0, `Secret 'A' set successfully\n${OK}`, '']);
    assert.deepEqual(stored().sort(), ['A=1', 'K=2']);
    const none = await run(['secret', 'set'], { shell: '"$@" -f <(true)' });
    assert.equal(none.exitCode, 1);
    assert.match(none.stderr, /^Error: No secrets were found in \/dev\/fd\/\d+\.\n/);
  });

  test('an environment file may be a named pipe whose writer comes late', async (t) => {
    const { home, inside, stored } = await world(t);
    const pipe = join(home.home, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const running = inside(['secret', 'set', '-f', pipe]);
    await until(() => isReading(process.pid, pipe), { what: 'the pipe to be open' });
    const writer = openSync(pipe, constants.O_WRONLY);
    writeSync(writer, 'K=1');
    closeSync(writer);
    assert.deepEqual([outcome(await running), stored()], [[0, OK, ''], ['K=1']]);
    const message = `Cannot read the environment file ${pipe}: nothing was written to the pipe.`;
    await assert.rejects(readEnvFile(pipe, process.stdin, 50), { code: 'ENV_FILE_UNREADABLE', message });
  });

  test('an environment file that is a pipe held open can be interrupted', async (t) => {
    const { env, home, requests } = await world(t);
    const pipe = join(home.home, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const holder = execa('sh', ['-c', 'exec 3<>"$0"; echo held; read -r x', pipe], {
      stdin: 'pipe',
      reject: false,
    });
    t.after(() => holder.kill());
    await new Promise((resolve) => holder.stdout.once('data', resolve));
    const running = startArcadeCli(home, ['secret', 'set', '--from-env', '-f', 'pipe'], {
      env: { ...env, ARCADE_DEBUG: '1' },
    });
    await until(() => isReading(running.pid, pipe), { what: 'the pipe to be open' });
    running.kill('SIGINT');
    const { exitCode, stdout, stderr } = await running;
    assert.deepEqual([exitCode, stdout, stderr, requests()], [130, '', '', []]);
  });

  const unprivileged =
    process.getuid?.() === 0 ? ['setpriv', '--bounding-set', '-dac_override,-dac_read_search'] : [];
  const [drop = 'true', ...dropped] = unprivileged;
  const canDrop = spawnSync(drop, [...dropped, 'true']).status === 0;

  test('an environment file that may not be read is an error', {
    skip: !canDrop && 'no way to be unprivileged',
  }, async (t) => {
    const { home, run, requests } = await world(t);
    const shell = `${unprivileged.join(' ')} "$@"`;
    writeFileSync(join(home.home, 'file'), 'K=v');
    chmodSync(join(home.home, 'file'), 0);
    const ran = await run(['secret', 'set', '--from-env', '-f', 'file'], { shell });
    assert.deepEqual(outcome(ran), [1, '', cannot('file', 'permission denied')]);
    home.write('credentials.yaml', 'cloud: {api: {key: k}}');
    chmodSync(join(home.directory, 'credentials.yaml'), 0);
    const other = await run(['secret', 'list'], { shell, env: { ARCADE_API_KEY: undefined } });
    assert.deepEqual([other.exitCode, other.stdout], [1, '']);
    assert.match(other.stderr, /^Error: The credentials file .* cannot be read.*\nHint: .*\n$/);
    assert.deepEqual(requests(), []);
  });
});

function isReading(pid: number | undefined, path: string): boolean {
  const { stdout } = spawnSync('sh', ['-c', `ls -l /proc/${pid}/fd`], { encoding: 'utf8' });
  return stdout.includes(path);
}
