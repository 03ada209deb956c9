/** What a file system can do, as far as the system tells. */
import { lstatSync, realpathSync, statfs, statfsSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

/** `f_type` of statfs(2). Source: the kernel's include/uapi/linux/magic.h and fs/. */
const TYPES = {
  nfs: 0x6969,
  smb: 0x517b,
  cifs: 0xff534d42,
  smb2: 0xfe534d42,
  /** Of virtual machines, and of WSL 2 for the drives of Windows. */
  p9: 0x01021997,
  /** sshfs and many others; those that are local lose a little speed. */
  fuse: 0x65735546,
  vboxsf: 0x786f4256,
  afs: 0x5346414f,
  kafs: 0x6b414653,
  coda: 0x73757245,
  ceph: 0x00c36400,
  lustre: 0x0bd00bd0,
  gpfs: 0x47504653,
  gfs2: 0x01161970,
  ocfs2: 0x7461636f,
  fhgfs: 0x19830326,
  /** WSL 1. */
  wslfs: 0x53464846,
  fat: 0x4d44,
  exfat: 0x2011bab0,
  ntfs3: 0x7366746e,
} as const;

const { wslfs, fat, exfat, ntfs3, ...network } = TYPES;
const NETWORK: ReadonlySet<number | undefined> = new Set(Object.values(network));

/**
 * Whether other machines may write to it as well. False also where the system does not tell. On macOS SQLite itself
 * knows such file systems. `realpath` resolves a drive letter of Windows to the share that it stands for.
 */
export function isNetworkFileSystem(
  directory: string,
  platform: NodeJS.Platform = process.platform,
  realpath: (path: string) => string = realpathSync.native,
): boolean {
  if (platform !== 'win32') return NETWORK.has(typeOf(directory));
  try {
    // `\\server\share` and `\\?\UNC\server\share`, not `\\?\C:\` or `\\.\pipe`.
    return /^\\\\(?:\?\\UNC\\|[^?.\\])/i.test(realpath(directory));
  } catch {
    return false;
  }
}

/** How long a file system may take to tell what it is. */
const TELLS_WITHIN_MS = 100;

/**
 * Whether a call to the file system of `directory` may not return for long: it is another machine's, or one of which
 * that is not known. Never hangs itself, and never rejects.
 */
export async function mayHang(directory: string): Promise<boolean> {
  if (process.platform !== 'linux') return true;
  const told = new Promise<boolean>((done) => {
    statfs(directory, (error, found) =>
      done(error === null ? NETWORK.has(found.type) : error.code !== 'ENOENT'),
    );
  });
  return await Promise.race([told, pause(TELLS_WITHIN_MS, true, { ref: false })]);
}

/** Those that have no modes, or where a mount may say that they have none. */
const MODELESS: ReadonlySet<number | undefined> = new Set([fat, exfat]);
const MAYBE_MODELESS: ReadonlySet<number | undefined> = new Set([
  wslfs,
  ntfs3,
  TYPES.p9,
  TYPES.fuse,
  TYPES.cifs,
  TYPES.smb2,
]);

/**
 * Whether what is made in `directory` will be open to other users whatever mode it is given: the file system has no
 * modes, and shows all folders alike. `type` and `mode` stand in for what the system says of the folder.
 */
export function opensToOthers(
  directory: string,
  type = typeOf(directory),
  mode = lstatSync(directory).mode & 0o777,
): boolean {
  return (MODELESS.has(type) && (mode & 0o077) !== 0) || (MAYBE_MODELESS.has(type) && mode === 0o777);
}

/** Undefined where the system does not tell. */
function typeOf(directory: string): number | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    return statfsSync(directory).type;
  } catch {
    return undefined;
  }
}
