/** Whether a folder lies on a file system that other machines may write to as well. */
import { realpathSync, statfsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';

/** `f_type` as Linux tells it. Source: statfs(2) and the kernel's include/uapi/linux/magic.h and fs/. */
const NETWORK_TYPES: ReadonlySet<number> = new Set([
  0x6969, // nfs
  0x517b, // smb
  0xff534d42, // cifs
  0xfe534d42, // smb2
  0x01021997, // 9p, of virtual machines and of WSL
  0x65735546, // fuse: sshfs and many others; those that are local lose a little speed
  0x786f4256, // vboxsf
  0x5346414f, // afs
  0x6b414653, // kafs
  0x73757245, // coda
  0x00c36400, // ceph
  0x0bd00bd0, // lustre
  0x47504653, // gpfs
  0x01161970, // gfs2
  0x7461636f, // ocfs2
  0x19830326, // fhgfs, BeeGFS
]);

/**
 * False also where the system does not tell. On macOS SQLite itself knows such
 * file systems. `realpath` resolves a drive letter of Windows to the share that it stands for.
 */
export function isNetworkFileSystem(
  directory: string,
  platform: NodeJS.Platform = process.platform,
  realpath: (path: string) => string = realpathSync.native,
): boolean {
  try {
    if (platform === 'linux') return NETWORK_TYPES.has(statfsSync(directory).type);
    return platform === 'win32' && isShare(realpath(directory));
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
  const told = statfs(directory).then(
    ({ type }) => NETWORK_TYPES.has(type),
    ({ code }: NodeJS.ErrnoException) => code !== 'ENOENT',
  );
  return await Promise.race([told, pause(TELLS_WITHIN_MS, true, { ref: false })]);
}

/** `\\server\share` and `\\?\UNC\server\share`, not `\\?\C:\` or `\\.\pipe`. */
function isShare(path: string): boolean {
  return /^\\\\(?:\?\\UNC\\|[^?.\\])/i.test(path);
}
