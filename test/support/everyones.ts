/** Node and the program where every user can run them: a clone may be in a folder that is its owner's alone. */
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PROGRAM } from './cli.ts';

/** A user who owns nothing. */
export const NOBODY = 65_534;
/** Why nothing can be run as another user here; false where it can. */
export const notRoot = process.getuid?.() === 0 ? false : 'only root can become another user';

const ROOT = join(PROGRAM, '..', '..');
const LEFT_OUT = ['deps', 'src'].map((name) => join(ROOT, 'node_modules', 'better-sqlite3', name));

export interface Runnable {
  readonly node: string;
  readonly program: string;
}

let runnable: Runnable | undefined;

/** Those of this clone where others can reach them, else copies that go with this process. */
export function everyones(): Runnable {
  runnable ??= [process.execPath, PROGRAM].every(isEveryones)
    ? { node: process.execPath, program: PROGRAM }
    : copied();
  return runnable;
}

/** The words that run a command line as the user of this id. */
export function asUser(id: number): readonly string[] {
  return ['setpriv', `--reuid=${id}`, `--regid=${id}`, '--clear-groups', '--'];
}

function isEveryones(path: string): boolean {
  const [file = '', ...words] = [...asUser(NOBODY), 'test', '-r', path];
  return spawnSync(file, words).status === 0;
}

function copied(): Runnable {
  const folder = mkdtempSync(join(tmpdir(), 'arcade-everyones-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  for (const name of ['dist', 'migrations', 'package.json', join('node_modules', 'better-sqlite3')])
    cpSync(join(ROOT, name), join(folder, name), {
      recursive: true,
      dereference: true,
      filter: (path) => !LEFT_OUT.includes(path),
    });
  mkdirSync(join(folder, 'bin'));
  cpSync(process.execPath, join(folder, 'bin', 'node'), { dereference: true });
  chmodSync(folder, 0o755);
  return { node: join(folder, 'bin', 'node'), program: join(folder, 'dist', 'arcade.js') };
}
