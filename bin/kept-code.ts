/**
 * Runs the program with what V8 compiled of it in earlier commands, kept in a file. Node's own cache lacks each
 * function that is compiled only when it is called: `secret list` takes 8 ms of CPU and 2 MB more with it, and a flusher
 * 20 ms. The first commands add what they compiled, so that it becomes what this person uses.
 *
 * Only code that this user has left is ever run from there, and root leaves nothing in another user's folders. A cache
 * that cannot be read, written or made sense of is one that the program does without. Old Nodes read this file: no syntax
 * and no import that Node 14 lacks.
 */
import {
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire, wrap } from 'node:module';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { Script } from 'node:vm';

/** So many commands add to it. */
const ADDING = 8;
const OLD_MS = 30 * 24 * 3600_000;

/** What each file that was loaded has to write. One listener for all: Node warns of more than ten. */
const atExit: (() => void)[] = [];

/** Loads `name`, a file beside `program`, and whatever it requires beside itself. */
export function requireKept(program: string, name: string): void {
  const folder = dirname(program);
  const cache = cacheIn(folder);
  const others = createRequire(program);
  const load = (file: string): unknown => {
    const filename = join(folder, file);
    const known = others.cache[filename];
    if (known !== undefined) return known.exports;
    const module = { exports: {} } as NodeJS.Module;
    const require = (id: string): unknown => (id.startsWith('./') ? load(basename(id)) : others(id));
    const kept = cache === undefined ? undefined : join(cache, file);
    const run = compile(filename, kept).runInThisContext();
    // Not before it has run: a file that fails to load fails again. None of ours requires itself.
    run.call(module.exports, module.exports, Object.assign(require, others), module, filename, folder);
    others.cache[filename] = module;
    return module.exports;
  };
  process.once('exit', () => {
    for (const work of atExit) work();
  });
  load(name);
}

/**
 * The folder for what this Node compiles of this build: beside the program where that is ours, else in our own cache
 * folder, as for a program that root has installed; to neither can another user write.
 */
function cacheIn(folder: string): string | undefined {
  try {
    let cache: string | undefined = join(folder, '.cache');
    if (process.geteuid !== undefined) {
      const user = process.geteuid();
      if (statSync(folder).uid !== user) cache = cacheOf(user);
      if (cache === undefined) return undefined;
      if (!existsSync(cache)) mkdirSync(cache, { recursive: true, mode: 0o700 });
      const { uid, mode } = lstatSync(cache);
      if (uid !== user || (mode & 0o022) !== 0) return undefined;
    }
    return join(cache, [process.env.ARCADE_BUILD, process.version, process.arch].join('-'));
  } catch {
    return undefined; // A folder that cannot be looked at or written has no cache.
  }
}

/** A user's own cache folder; undefined where HOME is another user's, as under `sudo`, or none. */
function cacheOf(user: number): string | undefined {
  const { HOME = '', XDG_CACHE_HOME = '' } = process.env;
  if (!isAbsolute(HOME) || statSync(HOME).uid !== user) return undefined;
  if (process.platform === 'darwin') return join(HOME, 'Library', 'Caches', 'arcade');
  return join(isAbsolute(XDG_CACHE_HOME) ? XDG_CACHE_HOME : join(HOME, '.cache'), 'arcade');
}

function compile(filename: string, kept: string | undefined): Script {
  // The build writes ASCII.
  const source = wrap(readFileSync(filename, 'latin1'));
  if (kept === undefined) return new Script(source, { filename });
  const { added, data } = read(kept);
  const script = new Script(source, data === undefined ? { filename } : { filename, cachedData: data });
  const isOfUse = data !== undefined && script.cachedDataRejected !== true;
  if (!isOfUse || added < ADDING) atExit.push(() => write(kept, isOfUse ? added + 1 : 1, script));
  return script;
}

/**
 * V8 does not notice that data is damaged, and crashes: it is there twice, once backwards, so that not even the same
 * damage to both halves goes unnoticed. Two bytes come first, which keeps the halves even: an odd one has a middle that
 * turning leaves where it is. Looking takes 0.1 ms; `node:zlib` or `node:crypto`, for a checksum, 0.7 ms or 3 ms.
 */
function read(path: string): { added: number; data?: Buffer } {
  try {
    const found = lstatSync(path);
    if (!found.isFile()) return { added: 0 };
    const file = openSync(path, 'r');
    try {
      const one = Buffer.alloc(Math.floor(found.size / 2));
      readSync(file, one, 0, one.length, 0);
      // In parts, for the memory of a command: 1 MB less.
      const part = Buffer.alloc(32 * 1024);
      for (let left = one.length; left > 0; ) {
        const length = readSync(file, part, 0, Math.min(part.length, left), found.size - left);
        const turned = part.subarray(0, length).reverse();
        if (length === 0 || !one.subarray(left - length, left).equals(turned)) return { added: 0 };
        left -= length;
      }
      if (one.length > 2) return { added: Number(one[0]), data: one.subarray(2) };
    } finally {
      closeSync(file);
    }
  } catch {
    // There is none yet, or it is not for us to read.
  }
  return { added: 0 };
}

function write(path: string, added: number, script: Script): void {
  const draft = `${path}.${process.pid}`;
  try {
    try {
      if (mkdirSync(dirname(path), { recursive: true, mode: 0o700 }) !== undefined) removeOld(dirname(path));
      // First, for where nothing can be written the rest, 10 ms, would be in vain in every command.
      writeFileSync(draft, 'draft', { mode: 0o600 });
      const one = Buffer.concat([Buffer.of(added, 0), script.createCachedData()]);
      writeFileSync(draft, Buffer.concat([one, Buffer.from(one).reverse()]), { mode: 0o600 });
      renameSync(draft, path);
    } finally {
      rmSync(draft, { force: true });
    }
  } catch {
    // The disk is full, or the folder is not for us to write: the next command compiles again.
  }
}

/** Removes what other versions of this program and of Node have left, once it is a month old. */
function removeOld(folder: string): void {
  const cache = dirname(folder);
  // Another program may have its own there.
  const ours = readdirSync(cache).filter((name) => /^[0-9a-f]{16}-v\d/.test(name));
  for (const path of ours.map((name) => join(cache, name)))
    if (Date.now() - lstatSync(path).mtimeMs > OLD_MS) rmSync(path, { recursive: true, force: true });
}
