/**
 * Breaks one rule after the other in a copy of the source, and looks who notices: the model, and the tests that are
 * aimed at single rules. Ends with 1 when a break goes unnoticed. `npm run test:model -- mutations`, with words in
 * addition to try only the breaks that one of them is found in.
 */
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';

const ROOT = join(import.meta.dirname, '..', '..');
const AIMED = [
  'identity/rules',
  'append/append',
  'spool/spill',
  'drain/resolve',
  'drain/drain',
  'drain/claim',
].map((name) => join('test', 'usage', `${name}.test.ts`));
const HISTORIES = 100;
/** Also an endless loop is noticed. */
const LIMIT_MS = 300_000;

interface Verdict {
  readonly broken: Break;
  readonly byModel: string | undefined;
  readonly byAimed: string | undefined;
}

interface Break {
  /** In src/usage. */
  readonly file: string;
  readonly what: string;
  /** Is there exactly once. */
  readonly from: string;
  readonly to: string;
}

/** `breaks.txt`: under the name of a file, a text of it, and what to put in its place, with what that breaks. */
function readBreaks(): Break[] {
  const breaks: Break[] = [];
  let file = '';
  let from: string[] = [];
  let isReplaced = true;
  for (const line of readFileSync(join(import.meta.dirname, 'breaks.txt'), 'utf8').split('\n')) {
    const text = line.slice(2);
    if (line.startsWith('#')) file = text;
    if (line.startsWith('-')) from = isReplaced ? [text] : [...from, text];
    if (line.startsWith('+')) {
      const [to = '', what = ''] = text.split(' <- ');
      breaks.push({ file, what, from: from.join('\n'), to });
    }
    isReplaced = !line.startsWith('-');
  }
  return breaks;
}

/** Tries the breaks, prints what came of each. Resolves to whether all were noticed. */
export async function tryBreaks(words: readonly string[]): Promise<boolean> {
  const waiting = readBreaks().filter(
    ({ what }) => words.length === 0 || words.some((word) => what.includes(word)),
  );
  // All are looked for before the first is tried: it takes long.
  const gone = waiting.filter((broken) => !isThereOnce(broken));
  for (const { file, what, from } of gone)
    console.log(`NOT THERE EXACTLY ONCE | ${file} | ${what} | ${from}`);
  if (gone.length > 0) {
    console.log(`\n${gone.length} of ${waiting.length} breaks cannot be made: breaks.txt is out of date`);
    return false;
  }
  const verdicts: Verdict[] = [];
  const worker = async (): Promise<void> => {
    const copy = copyOfSource();
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const verdict = await judge(copy, next);
      verdicts.push(verdict);
      console.log(told(verdict));
    }
    rmSync(copy, { recursive: true, force: true });
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  const survived = verdicts.filter((verdict) => !isNoticed(verdict));
  const byModel = verdicts.filter(({ byModel }) => byModel !== undefined).length;
  console.log(`\n${verdicts.length} breaks: ${byModel} noticed by the model, ${survived.length} by nothing`);
  return survived.length === 0;
}

function copyOfSource(): string {
  const copy = mkdtempSync(join(tmpdir(), 'mutations-'));
  for (const part of ['src', 'test', 'migrations', 'package.json', 'tsconfig.json'])
    cpSync(join(ROOT, part), join(copy, part), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

async function judge(copy: string, broken: Break): Promise<Verdict> {
  const path = sourceOf(copy, broken);
  const sound = readFileSync(path, 'utf8');
  writeFileSync(
    path,
    sound.replace(broken.from, () => broken.to),
  );
  try {
    const model = await run(copy, [join('test', 'model', 'long.ts'), 'hunt', String(HISTORIES)]);
    // What the model notices need not be noticed twice.
    const byAimed = model === undefined ? await run(copy, ['--test', ...AIMED]) : undefined;
    return { broken, byModel: model, byAimed: byAimed && failedIn(byAimed) };
  } finally {
    writeFileSync(path, sound);
  }
}

/** The file that a break is made in. */
function sourceOf(root: string, { file }: Break): string {
  return join(root, 'src', 'usage', file);
}

function isThereOnce(broken: Break): boolean {
  const path = sourceOf(ROOT, broken);
  return existsSync(path) && readFileSync(path, 'utf8').split(broken.from).length === 2;
}

/** What a program says that fails; undefined when it does not. */
async function run(cwd: string, args: readonly string[]): Promise<string | undefined> {
  const options = { cwd, reject: false, timeout: LIMIT_MS, forceKillAfterDelay: 1000 };
  const { exitCode, timedOut, stdout } = await execa(process.execPath, ['--import', 'tsx', ...args], options);
  if (timedOut) return 'not ending';
  return exitCode === 0 ? undefined : stdout.trim() || 'breaking down';
}

/** The names of the tests that fail. */
function failedIn(output: string): string {
  const names = [...output.matchAll(/^\s*(?:not ok \d+ - |✖ )(.*)$/gm)].map(([, name]) => `"${name}"`);
  return `the test ${names[0] ?? output.slice(-100)}`;
}

const isNoticed = ({ byModel, byAimed }: Verdict): boolean => (byModel ?? byAimed) !== undefined;

function told(verdict: Verdict): string {
  const { broken, byModel, byAimed } = verdict;
  const by = (byModel ?? byAimed ?? 'nothing').slice(0, 160);
  return `${isNoticed(verdict) ? 'noticed' : 'SURVIVED'} | ${broken.file} | ${broken.what} | ${by}`;
}
