/** One listening socket on loopback that can go away and come back on the same port. */
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { begin, type ListenerName, type RecordedRequest } from './requests.ts';

/** Listens on 127.0.0.1; whoever takes it for a proxy to somewhere else is `refused`. */
export async function startListener(
  name: ListenerName,
  serve: RequestListener,
  refused: (record: RecordedRequest) => void,
) {
  const server = createServer(serve);
  server.on('connect', (request, socket) => {
    refused({ ...begin(name, request), status: 403 });
    socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n');
  });

  async function listen(port: number): Promise<void> {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  }

  await listen(0);
  const { port } = server.address() as AddressInfo;
  return {
    port,
    /** No slash at its end. */
    url: `http://127.0.0.1:${port}`,
    /** Stops listening and cuts every connection: the next one is refused. */
    async down(): Promise<void> {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
    async up(): Promise<void> {
      if (!server.listening) await listen(port);
    },
  };
}
