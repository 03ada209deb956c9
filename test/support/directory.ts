/** A directory as it stands, to be compared with how it stands later. */
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** Names, sizes, times, modes, owners and contents of a directory and all that is in it. */
export function directoryState(path: string): Readonly<Record<string, string>> {
  const state: Record<string, string> = {};
  const visit = (place: string, name: string): void => {
    const found = lstatSync(place, { bigint: true, throwIfNoEntry: false });
    if (found === undefined) {
      state[name] = 'absent';
      return;
    }
    const { mode, size, mtimeNs, ctimeNs, uid, gid, ino, nlink } = found;
    const content = found.isFile() ? digestOf(place) : found.isSymbolicLink() ? readlinkSync(place) : '';
    state[name] = [mode, size, mtimeNs, ctimeNs, uid, gid, ino, nlink, content].join(' ');
    if (found.isDirectory())
      for (const entry of readdirSync(place).sort()) visit(join(place, entry), join(name, entry));
  };
  visit(path, '.');
  return state;
}

/** Of a file's content; a file that may not be read stays as it is by its times. */
function digestOf(path: string): string {
  try {
    return createHash('sha256').update(readFileSync(path)).digest('hex');
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? '';
  }
}
