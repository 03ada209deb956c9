/** `arcade completion`: in the shells themselves, with Tab pressed for every kind of value. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { baseEnvironment, PROGRAM, TRACKED } from '../support/cli.ts';
import { inside } from '../support/inside.ts';
import { sandbox } from '../support/sandbox.ts';
import { seedSpool } from '../support/seed.ts';
import { until } from '../support/until.ts';
import { type World, world } from '../support/world.ts';

/** Each is run with lines in `TYPED`, prints one candidate a line, and `@@` behind those of each line. */
const SHELLS = {
  bash: `
    source "$SCRIPT"
    mapfile -t ALL <<< "$TYPED"
    for LINE in "\${ALL[@]}"; do
      read -ra COMP_WORDS <<< "\${LINE//=/ = }"
      [[ $LINE == *' ' || $LINE == *= ]] && COMP_WORDS+=('')
      [[ $LINE == *= ]] && unset 'COMP_WORDS[-1]'
      COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)) COMPREPLY=()
      _arcade
      printf '%s\\n' "\${COMPREPLY[@]}" @@
    done`,
  fish: `
    source "$SCRIPT"
    for LINE in (string split \\n -- "$TYPED")
      complete --do-complete "$LINE" | string replace -r '\\t.*' ''
      echo @@
    end`,
  // The completion system runs in a terminal alone: its last step is replaced by printing what it was given.
  zsh: `
    autoload -Uz compinit && compinit -u -d "$HOME/.zcompdump"
    source "$SCRIPT"
    function _describe() { for each in "\${(@P)4}"; do print -r -- "\${\${each//\\\\:/:}%%:?*}"; done }
    function _files() { print -rl -- $~PREFIX*(N) }
    function compset() { PREFIX=\${PREFIX#*=} }
    for LINE in "\${(@f)TYPED}"; do
      words=("\${(@s: :)LINE}"); CURRENT=$#words; PREFIX=$words[CURRENT]
      _arcade
      print -r -- @@
    done`,
} as const;
type Shell = keyof typeof SHELLS;
const ARGUMENTS: Readonly<Record<Shell, readonly string[]>> = {
  bash: ['--norc', '-c'],
  fish: ['--no-config', '-c'],
  zsh: ['-f', '-c'],
};

/** Lines, and what is offered at Tab. */
const OFFERED: Readonly<Record<string, readonly string[]>> = {
  'arcade sec': ['secret'],
  'arcade secret list --js': ['--json'],
  'arcade usage list --state ': ['delivered', 'pending', 'quarantined'],
  'arcade usage preview -- secret li': ['list'],
  'arcade whoami ': [],
  'arcade usage show ': ['1', '2', '3'],
  'arcade secret set --from-env --env-file prod': ['prod.env'],
};
const IN_BASH = {
  'arcade usage list --state=pen': ['pending'],
  'arcade usage list --state=': ['delivered', 'pending', 'quarantined'],
};

for (const shell of Object.keys(SHELLS) as Shell[]) {
  const { exitCode } = await execa(shell, ['--version'], { reject: false });
  const skip = exitCode === 0 ? false : `${shell} is not installed`;
  test(`completion in ${shell} offers commands, options and their values, records and files`, {
    skip,
  }, async (t) => {
    const at = await world(t);
    seedSpool(at.home, { records: 3 });
    writeFileSync(join(at.home.home, 'prod.env'), '');
    const expected = { ...OFFERED, ...(shell === 'bash' ? IN_BASH : {}) };
    assert.deepEqual(await atTab(shell, at, Object.keys(expected)), expected);
    assert.deepEqual(at.requests(), []);
  });
}

test('completion of files records nothing, though recording is on', async (t) => {
  const { home, inside } = await world(t);
  const input = 'secret\nset\n--env-file\nprod\n';
  assert.equal((await inside(['__complete', 'bash'], { input, env: TRACKED })).stdout, ':files\n');
  assert.equal(existsSync(home.directory), false);
});

for (const [line, ...candidates] of [
  ['deb', 'debug'],
  ['secret ', 'set', 'list', 'unset'],
  ['debug show', 'show'],
  ['--quiet secret li', 'list'],
  ['completion z', 'zsh'],
  ['nope '],
] as const)
  test(`completion of "${line}": ${candidates.join(' ')}`, async (t) => {
    assert.deepEqual(await answer(await world(t), line), candidates);
  });

/** What is offered behind a line; waits for the first answer that is one, for on a busy machine it may come too late. */
async function offered(at: Pick<World, 'home' | 'env'>, line: string): Promise<string[]> {
  const isAnswer = async () => ((found) => found.length > 0 && found)(await answer(at, line));
  return await until(isAnswer, { what: line });
}

async function answer({ home, env }: Pick<World, 'home' | 'env'>, line: string): Promise<string[]> {
  const input = `${line.replaceAll(' ', '\n')}\n`;
  const { stdout } = await inside(home, ['__complete', 'zsh'], { input, env });
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((each) => each.replace(/ .*/, ''));
}

test('completion offers keys of secrets, and ids of organizations and projects', async (t) => {
  const at = await world(t);
  const { arcade, home, user } = at;
  for (const key of ['API_KEY', 'API_URL', 'OTHER']) arcade.store(user, { key, value: 'v' });
  home.signIn(arcade, user);
  const [own, shared] = user.organizations;
  for (const [line, ...candidates] of [
    ['secret unset API', 'API_KEY', 'API_URL'],
    ['secret unset OTHER API_K', 'API_KEY'],
    ['secret set ', 'API_KEY', 'API_URL', 'OTHER'],
    ['org set ', own?.organization_id, shared?.organization_id],
    ['project set ', ...(own?.projects ?? []).map(({ project_id }) => project_id)],
  ] as const)
    assert.deepEqual(await offered({ home, env: { ARCADE_URL: arcade.url } }, line), candidates, line);
});

test('completion puts nothing on the line that a shell would run or arcade take for an option', async (t) => {
  const at = await world(t);
  const commands = ['$(id)', 'a;id', 'a`id`', 'a|id', 'a&id', 'a>f', '!!', "a'b", '~root', '*'];
  const hostile = [...commands, '--host=evil.example', '-h'];
  for (const key of [...hostile, 'A.b-c_d', 'clé']) at.arcade.store(at.user, { key, value: 'v' });
  assert.deepEqual(await offered(at, 'secret unset '), ['A.b-c_d', 'clé']);
});

for (const [title, kind] of [
  ['a server that never answers', { kind: 'hang' }],
  ['a server that fails', { kind: 'status', status: 500 }],
] as const) {
  test(`completion with ${title}: no candidate, no error, no wait`, async (t) => {
    const at = await world(t);
    at.arcade.fault({}, kind as never);
    const started = performance.now();
    const ran = await at.run(['__complete', 'bash'], { input: 'secret\nunset\n\n' });
    assert.deepEqual([ran.exitCode, ran.stdout, ran.stderr], [0, '', '']);
    assert.ok(performance.now() - started < 20_000, 'it does not wait for the 30 s of a request');
  });
}

test('completion asks nothing with a login that would have to be refreshed, which a refresh cut short could end', async (t) => {
  const { arcade, home, user } = await world(t);
  home.signIn(arcade, user, { expiresInSeconds: 60 });
  for (const input of ['secret\nunset\n\n', 'org\nset\n\n', 'project\nset\n\n'])
    assert.equal((await inside(home, ['__complete', 'bash'], { input })).stdout, '');
  assert.deepEqual(arcade.requests, []);
});

test('completion without a login, a home or a readable line offers nothing and exits 0', async (t) => {
  const home = sandbox(t);
  for (const input of ['secret\nunset\n\n', 'org\nset\n\n', 'usage\nshow\n\n', 'x\ny\nz\n', '\u001b[31m\n'])
    assert.deepEqual(await inside(home, ['__complete', 'bash'], { input }), {
      exitCode: 0,
      stdout: '',
      stderr: '',
    });
});

test('completion takes the words by standard input: none of them is seen among the arguments of a process', async (t) => {
  for (const shell of Object.keys(SHELLS)) {
    const { stdout } = await inside(sandbox(t), ['completion', shell]);
    assert.match(stdout, /(?:printf '%s\\n'|print -rl) .*\| .* __complete/);
  }
});

/** What a shell that has read the script offers at Tab behind each of the lines, sorted. */
async function atTab(shell: Shell, { home, env }: World, lines: readonly string[]) {
  const bin = join(home.home, 'bin');
  mkdirSync(bin);
  symlinkSync(PROGRAM, join(bin, 'arcade'));
  chmodSync(PROGRAM, 0o755);
  const script = join(home.home, `completion.${shell}`);
  writeFileSync(script, (await inside(home, ['completion', shell])).stdout);
  const base = baseEnvironment(home);
  const given = { PATH: `${bin}:${base.PATH}`, SCRIPT: script, TYPED: lines.join('\n'), TERM: 'dumb' };
  const options = {
    env: { ...base, ...env, ...given },
    extendEnv: false,
    reject: false,
    cwd: home.home,
  } as const;
  const { stdout, stderr, exitCode } = await execa(shell, [...ARGUMENTS[shell], SHELLS[shell]], options);
  assert.deepEqual([exitCode, stderr], [0, ''], stdout);
  const answers = stdout.split(/^@@$/m).map((answer) => answer.split('\n').filter(Boolean).sort());
  return Object.fromEntries(lines.map((line, i) => [line, answers[i]]));
}
