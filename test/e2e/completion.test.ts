/** `arcade completion`: in the shells themselves, with Tab pressed for every kind of value. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { execa } from 'execa';
import { baseEnvironment, PROGRAM } from '../support/cli.ts';
import { inside } from '../support/inside.ts';
import { sandbox } from '../support/sandbox.ts';
import { seedSpool } from '../support/seed.ts';
import { until } from '../support/until.ts';
import { type World, world } from '../support/world.ts';

/** Each is run with the line in `LINE`, and prints one candidate a line. */
const SHELLS = {
  bash: `
    source "$SCRIPT"
    read -ra COMP_WORDS <<< "\${LINE//=/ = }"
    [[ $LINE == *' ' || $LINE == *= ]] && COMP_WORDS+=('')
    [[ $LINE == *= ]] && unset 'COMP_WORDS[-1]'
    COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
    _arcade
    printf '%s\\n' "\${COMPREPLY[@]}"`,
  fish: `
    source "$SCRIPT"
    complete --do-complete "$LINE" | string replace -r '\\t.*' ''; true`,
  // The completion system runs in a terminal alone: its last step is replaced by printing what it was given.
  zsh: `
    autoload -Uz compinit && compinit -u -d "$HOME/.zcompdump"
    source "$SCRIPT"
    function _describe() { for each in "\${(@P)4}"; do print -r -- "\${\${each//\\\\\\\\:/:}%%:?*}"; done }
    function _files() { print -rl -- $~PREFIX*(N) }
    function compset() { PREFIX=\${PREFIX#*=} }
    words=("\${(@s: :)LINE}"); CURRENT=$#words; PREFIX=$words[CURRENT]
    _arcade`,
} as const;
type Shell = keyof typeof SHELLS;
const ARGUMENTS: Readonly<Record<Shell, readonly string[]>> = {
  bash: ['--norc', '-c'],
  fish: ['--no-config', '-c'],
  zsh: ['-f', '-c'],
};

for (const shell of Object.keys(SHELLS) as Shell[]) {
  const { exitCode } = await execa(shell, ['--version'], { reject: false });
  const missing = exitCode === 0 ? false : `${shell} is not installed`;
  describe(`completion in ${shell}`, { skip: missing }, () => {
    test('offers commands, options and their values', async (t) => {
      const at = await world(t);
      const tab = await terminal(t, shell, at);
      assert.deepEqual(await tab('arcade sec'), ['secret']);
      assert.deepEqual(await tab('arcade deb'), ['debug']);
      assert.deepEqual(await tab('arcade secret '), ['list', 'set', 'unset']);
      assert.deepEqual(await tab('arcade debug show'), ['show']);
      assert.deepEqual(await tab('arcade secret list --js'), ['--json']);
      assert.deepEqual(await tab('arcade --quiet secret li'), ['list']);
      assert.deepEqual(await tab('arcade usage list --state '), ['delivered', 'pending', 'quarantined']);
      assert.deepEqual(await tab('arcade usage preview -- secret li'), ['list']);
      assert.deepEqual(await tab('arcade completion z'), ['zsh']);
      assert.deepEqual(await tab('arcade whoami '), []);
      assert.deepEqual(await tab('arcade nope '), []);
      assert.deepEqual(at.requests(), []);
    });

    test('offers files, and records nothing', async (t) => {
      const at = await world(t);
      const tab = await terminal(t, shell, at, { ARCADE_USAGE_TRACKING: undefined });
      writeFileSync(join(at.home.home, 'prod.env'), '');
      assert.deepEqual(await tab('arcade secret set --from-env --env-file prod'), ['prod.env']);
      assert.equal(existsSync(at.home.directory), false);
    });

    test('offers keys of secrets, and ids of organizations, projects and records', async (t) => {
      const at = await world(t);
      const { arcade, home, user } = at;
      for (const key of ['API_KEY', 'API_URL', 'OTHER']) arcade.store(user, { key, value: 'v' });
      home.signIn(arcade, user);
      seedSpool(home, { records: 3, now: Date.now(), everyMs: 1000 });
      const tab = await terminal(t, shell, at, { ARCADE_API_KEY: undefined });
      const [own, shared] = user.organizations;
      for (const [line, ...candidates] of [
        ['arcade secret unset API', 'API_KEY', 'API_URL'],
        ['arcade secret unset OTHER API_K', 'API_KEY'],
        ['arcade secret set ', 'API_KEY', 'API_URL', 'OTHER'],
        ['arcade org set ', own?.organization_id, shared?.organization_id],
        ['arcade project set ', ...(own?.projects ?? []).map(({ project_id }) => project_id)],
        ['arcade usage show ', '1', '2', '3'],
      ] as const) {
        // The answer is due 170 ms after the start, and on a busy machine the server may take longer.
        const isOffered = async (): Promise<boolean> =>
          isDeepStrictEqual(await tab(line), candidates.toSorted());
        await until(isOffered, { what: `${line}: ${candidates.join(' ')}`, timeoutMs: 240_000 });
      }
    });
  });
}

test('completion puts nothing on the line that a shell would run or arcade take for an option', async (t) => {
  const at = await world(t);
  const hostile = [
    '$(id)',
    'a;id',
    'a`id`',
    'a|id',
    'a&id',
    'a>f',
    '!!',
    '--host=evil.example',
    '-h',
    "a'b",
    '~root',
    '*',
  ];
  for (const key of [...hostile, 'A.b-c_d', 'clé']) at.arcade.store(at.user, { key, value: 'v' });
  const offered = async (): Promise<string[]> =>
    (await at.inside(['__complete', 'bash'], { input: 'secret\nunset\n\n' })).stdout.trim().split(/ *\n/);
  let found: string[] = [];
  const isAnswered = async (): Promise<boolean> => {
    found = await offered();
    return found.length > 1;
  };
  await until(isAnswered, { what: 'an answer', timeoutMs: 60_000 });
  assert.deepEqual(found, ['A.b-c_d', 'clé']);
});

test('completion in bash offers the value of an option behind its =', async (t) => {
  const tab = await terminal(t, 'bash', await world(t));
  assert.deepEqual(await tab('arcade usage list --state=pen'), ['pending']);
  assert.deepEqual(await tab('arcade usage list --state='), ['delivered', 'pending', 'quarantined']);
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

/** A shell that has read the script, in the home of the desk; what it offers at Tab, sorted. */
async function terminal(
  t: TestContext,
  shell: Shell,
  at: World,
  env: Readonly<Record<string, string | undefined>> = {},
): Promise<(line: string) => Promise<string[]>> {
  const bin = join(at.home.home, 'bin');
  mkdirSync(bin);
  symlinkSync(PROGRAM, join(bin, 'arcade'));
  chmodSync(PROGRAM, 0o755);
  const script = join(at.home.home, `completion.${shell}`);
  writeFileSync(script, (await inside(sandbox(t), ['completion', shell])).stdout);
  const base = baseEnvironment(at.home);
  return async (line) => {
    const { stdout, stderr, exitCode } = await execa(shell, [...ARGUMENTS[shell], SHELLS[shell]], {
      env: {
        ...base,
        ...at.env,
        ...env,
        PATH: `${bin}:${base.PATH}`,
        SCRIPT: script,
        LINE: line,
        TERM: 'dumb',
      },
      extendEnv: false,
      reject: false,
      cwd: at.home.home,
    });
    assert.deepEqual([exitCode, stderr], [0, ''], `${line}: ${stdout}`);
    return stdout.split('\n').filter(Boolean).sort();
  };
}
