/** Whose program is at the other end of a connection on this machine. */
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { endianness } from 'node:os';

/**
 * Whether a connection over IPv4 comes from a program of another user, root excepted. Linux alone says whose a socket is;
 * elsewhere it counts as this user's.
 */
export function isFromAnotherUser(socket: Socket): boolean {
  const user = userBehind(socket);
  return user !== undefined && user !== 0 && user !== process.geteuid?.();
}

function userBehind({ remoteAddress, remotePort, localAddress, localPort }: Socket): number | undefined {
  const [peer, own] = [hexOf(remoteAddress, remotePort), hexOf(localAddress, localPort)];
  try {
    // A socket of IPv6 can connect to an address of IPv4 too.
    for (const list of ['tcp', 'tcp6']) {
      for (const line of readFileSync(`/proc/net/${list}`, 'latin1').split('\n')) {
        // proc_net_tcp of the kernel: number, local address, remote one, state, queues, timer, retries, user.
        const [, local, remote, , , , , user] = line.trim().split(/\s+/);
        if (local?.endsWith(peer) && remote?.endsWith(own)) return Number(user);
      }
    }
  } catch {
    return undefined;
  }
  return undefined;
}

/** As Linux writes it: the bytes of an address in the order of the machine, a port as a number. */
function hexOf(address = '', port = 0): string {
  const bytes = Buffer.from(address.split('.').map(Number));
  const hex = (endianness() === 'LE' ? bytes.reverse() : bytes).toString('hex');
  return `${hex}:${port.toString(16).padStart(4, '0')}`.toUpperCase();
}
