/** Proxies that do everything but their work. */
import { createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { listen } from './listener.ts';

export interface BadProxy {
  readonly port: number;
  readonly url: string;
  /** How many connections it got. */
  readonly connections: () => number;
}

export const BAD_PROXIES: Readonly<Record<string, (socket: Socket) => void>> = {
  'FIN after the request': (socket) => void socket.once('data', () => socket.end()),
  'FIN at once': (socket) => void socket.end(),
  'RST after the request': (socket) => void socket.once('data', () => socket.resetAndDestroy()),
  'RST at once': (socket) => void socket.resetAndDestroy(),
  silence: () => undefined,
  'half an answer': (socket) => void socket.once('data', () => socket.write('HTTP/1.1 200 Connec')),
  'half an answer and FIN': (socket) => void socket.once('data', () => socket.end('HTTP/1.1 200 Connec')),
  nonsense: (socket) => void socket.once('data', () => socket.end('SSH-2.0-OpenSSH_9.2\r\n')),
  'a tunnel without a server': (socket) =>
    void socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\n\r\n')),
  'a tunnel that ends': (socket) => void socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\n\r\n')),
};

/** Starts one that does `behave` to every connection. */
export async function startBadProxy(t: TestContext, behave: (socket: Socket) => void): Promise<BadProxy> {
  let connections = 0;
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    connections += 1;
    open.add(socket);
    socket.on('error', () => undefined).on('close', () => open.delete(socket));
    socket.resume();
    behave(socket);
  });
  const port = await listen(t, server);
  t.after(() => {
    for (const socket of open) socket.destroy();
  });
  return { port, url: `http://127.0.0.1:${port}`, connections: () => connections };
}
