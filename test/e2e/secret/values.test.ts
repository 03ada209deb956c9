/** Values from standard input and from environment files. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { execa } from 'execa';
import { baseEnvironment, PROGRAM, type Ran, startArcadeCli } from '../../support/cli.ts';
import { type Desk, desk, outcome } from '../../support/desk.ts';
import { makePipe } from '../../support/pipe.ts';
import { until } from '../../support/until.ts';

const OK = "Secret 'K' set successfully\n";
const PEM = '-----BEGIN KEY-----\nMIIB=\n-----END KEY-----';

describe('values', { concurrency: 4 }, () => {
  for (const [title, input, value] of [
    ['a line', 'v\n', 'v'],
    ['a line with CRLF', 'v\r\n', 'v'],
    ['text without a line end', 'v', 'v'],
    ['several lines', 'a\nb\n\n', 'a\nb\n'],
    ['CRLF within', 'a\r\nb\r\n', 'a\r\nb'],
    ['a lone CR at the end', 'v\r', 'v\r'],
    ['blanks', ' v \n', ' v '],
    ['NUL', 'a\0b', 'a\0b'],
    ['a dash', '-', '-'],
    ['U+FFFD', '\ufffd', '\ufffd'],
  ] as const) {
    test(`standard input may hold ${title}`, async (t) => {
      const { run, stored } = await desk(t);
      assert.deepEqual(outcome(await run(['secret', 'set', 'K', '--stdin'], { input })), [0, OK, '']);
      assert.deepEqual(stored(), [`K=${value}`]);
    });
  }

  test('KEY=- reads standard input as --stdin does, beside pairs', async (t) => {
    const { run, stored } = await desk(t);
    const ran = await run(['secret', 'set', 'A=1', 'K=-', 'B=2'], { input: `${PEM}\n` });
    const ending = "Secret 'K' with value ending in ...---- set successfully\n";
    assert.deepEqual(outcome(ran), [
      0,
      `Secret 'A' set successfully\n${ending}Secret 'B' set successfully\n`,
      '',
    ]);
    assert.deepEqual(stored().sort(), ['A=1', 'B=2', `K=${PEM}`]);
    assert.equal((await run(['secret', 'set', 'K=-', '--stdin'], { input: 'v' })).exitCode, 0);
  });

  const NOT_TEXT =
    'Standard input is not UTF-8 text.\nHint: Encode binary values first, for example with base64.';
  for (const [title, input, message] of [
    ['nothing', '', 'Standard input holds no value.'],
    ['a line end', '\n', 'Standard input holds no value.'],
    ['blanks', ' \t\r\n', 'Standard input holds no value.'],
    ['bytes that are not UTF-8', Buffer.from([0x68, 0xff, 0xfe]), NOT_TEXT],
    ['half a character', Buffer.from('🔑').subarray(0, 3), NOT_TEXT],
    ['far too much', Buffer.alloc(17 * 1024 * 1024, 'x'), 'Standard input is too large.'],
  ] as const) {
    test(`standard input may not hold ${title}`, async (t) => {
      const { run, requests } = await desk(t);
      const ran = await run(['secret', 'set', 'K', '--stdin'], { input });
      assert.deepEqual(outcome(ran), [2, '', `Error: ${message}\n`]);
      assert.deepEqual(requests(), []);
    });
  }

  test('standard input that is a directory holds nothing', async (t) => {
    const { env, home, requests } = await desk(t);
    const ran = await shell({ env, home }, '"$@" secret set K --stdin < /');
    assert.deepEqual(outcome(ran), [2, '', 'Error: Standard input holds no value.\n']);
    assert.deepEqual(requests(), []);
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
    '.../x=4\r',
  ].join('\n');
  const WARNINGS = [
    'Warning: Line 4 has no "=" and was skipped.',
    'Warning: Line 5 has an empty or blank value and was skipped.',
    'Warning: Line 9 has a key with white space in it and was skipped.',
    '',
  ].join('\n');

  test('an environment file is set, and its doubtful lines are named by number alone', async (t) => {
    const { home, run, stored } = await desk(t);
    writeFileSync(join(home.home, '.env'), FILE);
    const told = ['A', 'B', 'D', '.../x'].map((key) =>
      key === 'D' ? "Secret 'D' with value ending in ...----" : `Secret '${key}'`,
    );
    const ran = await run(['secret', 'set', '--from-env']);
    assert.deepEqual(outcome(ran), [0, told.map((each) => `${each} set successfully\n`).join(''), WARNINGS]);
    assert.deepEqual(stored().sort(), ['.../x=4', 'A=3', 'B=two # 2', `D=${PEM}`]);
  });

  test('an environment file may be named, be a link, and hold a dash', async (t) => {
    const { home, run, stored } = await desk(t);
    writeFileSync(join(home.home, 'prod env'), 'K=-');
    symlinkSync('prod env', join(home.home, 'link'));
    const given = { input: 'nothing reads this' };
    assert.deepEqual(outcome(await run(['secret', 'set', '--from-env', '-f', 'link'], given)), [0, OK, '']);
    assert.deepEqual(stored(), ['K=-']);
  });

  test('--env-file without --from-env is named as of no use', async (t) => {
    const { run } = await desk(t);
    const ran = await run(['secret', 'set', 'K=v', '--env-file', 'missing']);
    assert.deepEqual(outcome(ran), [0, OK, 'Warning: --env-file is only read with --from-env.\n']);
  });

  const cannot = (path: string, why: string): string =>
    `Error: The environment file ${path} cannot be read: ${why}.\nHint: Name another file with --env-file.\n`;
  for (const [title, path, stderr, content] of [
    ['that does not exist', 'no\u001bne', cannot('no\\ene', 'it does not exist')],
    ['with an empty name', '', cannot('', 'it does not exist')],
    ['that is a directory', 'made', cannot('made', 'it is a directory')],
    ['below a file', 'file/x', cannot('file/x', 'it does not exist')],
    ['that is a device', '/dev/zero', cannot('/dev/zero', 'it is neither a file nor a pipe')],
    ['that links to itself', 'loop', cannot('loop', 'the system refuses')],
    ['with a name that is too long', 'x'.repeat(300), cannot('x'.repeat(300), 'its name is too long')],
    [
      'that is a pipe nobody writes to',
      'pipe',
      'Error: No secrets were found in pipe.\nHint: Write one KEY=VALUE a line.\n',
    ],
    [
      'that is empty',
      'file',
      'Error: No secrets were found in file.\nHint: Write one KEY=VALUE a line.\n',
      '',
    ],
    [
      'of comments',
      'file',
      'Error: No secrets were found in file.\nHint: Write one KEY=VALUE a line.\n',
      '# K=v\n',
    ],
    ['with an open quote', 'file', 'Error: Line 2 ', 'A=1\nK="hidden\n'],
    ['with text behind a quote', 'file', 'Error: Line 1 ', 'K="hidden" hidden\n'],
    ['that is binary', 'file', 'Error: Line 1 ', Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0xff, 0x3d, 0xfe])],
    ['with a key that cannot be', 'file', "Error: Secret key '..' is not possible\n", 'A=1\n..=hidden\n'],
    ['that is too large', 'file', cannot('file', 'it is too large'), Buffer.alloc(17 * 1024 * 1024, 'K=v\n')],
  ] as const) {
    test(`of an environment file ${title} nothing is sent`, async (t) => {
      const { home, run, requests } = await desk(t);
      mkdirSync(join(home.home, 'made'));
      symlinkSync('loop', join(home.home, 'loop'));
      makePipe(join(home.home, 'pipe'));
      writeFileSync(join(home.home, 'file'), content ?? 'K=v');
      const {
        exitCode,
        stdout,
        stderr: told,
      } = await run(['secret', 'set', '--from-env', '--env-file', path]);
      assert.deepEqual([exitCode, stdout, requests()], [stderr.includes('not possible') ? 2 : 1, '', []]);
      if (stderr.endsWith('\n')) assert.equal(told, stderr);
      else assert.ok(told.startsWith(stderr) && /^Error: .*\nHint: .*\n$/.test(told), told);
      assert.doesNotMatch(told, /hidden/);
    });
  }

  test('an environment file may be a pipe', async (t) => {
    const { env, home, stored } = await desk(t);
    const ran = await shell({ env, home }, 'printf "A=1\\nK=2" | "$@" secret set --from-env -f /dev/stdin');
    assert.deepEqual(outcome(ran), [0, `Secret 'A' set successfully\n${OK}`, '']);
    assert.deepEqual(stored().sort(), ['A=1', 'K=2']);
  });

  test('a pipe that somebody holds open can be interrupted', async (t) => {
    const { env, home, requests } = await desk(t);
    const pipe = join(home.home, 'pipe');
    makePipe(pipe);
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

  test('a file that may not be read is refused', {
    skip: !canDrop && 'no way to be unprivileged',
  }, async (t) => {
    const { env, home, requests } = await desk(t);
    writeFileSync(join(home.home, 'file'), 'K=v');
    chmodSync(join(home.home, 'file'), 0);
    const ran = await shell({ env, home }, `${unprivileged.join(' ')} "$@" secret set --from-env -f file`);
    assert.deepEqual(outcome(ran), [1, '', cannot('file', 'you may not read it')]);
    home.write('credentials.yaml', 'cloud: {api: {key: k}}');
    chmodSync(join(home.directory, 'credentials.yaml'), 0);
    const signedIn = { env: { ...env, ARCADE_API_KEY: undefined }, home };
    const other = await shell(signedIn, `${unprivileged.join(' ')} "$@" secret list`);
    assert.deepEqual([other.exitCode, other.stdout], [1, '']);
    assert.match(other.stderr, /^Error: The credentials file .* cannot be read.*\nHint: .*\n$/);
    assert.deepEqual(requests(), []);
  });
});

/** Runs a command line of the shell in which `"$@"` is the program. */
async function shell({ env, home }: Pick<Desk, 'env' | 'home'>, line: string): Promise<Ran> {
  const { exitCode, signal, stdout, stderr } = await execa(
    'bash',
    ['-c', line, 'bash', process.execPath, '--', PROGRAM],
    {
      env: { ...baseEnvironment(home), ...env },
      extendEnv: false,
      reject: false,
      stripFinalNewline: false,
      cwd: home.home,
      stdin: 'ignore',
    },
  );
  return { exitCode, signal, stdout, stderr };
}

function isReading(pid: number | undefined, path: string): boolean {
  const { stdout } = spawnSync('sh', ['-c', `ls -l /proc/${pid}/fd`], { encoding: 'utf8' });
  return stdout.includes(path);
}
