/** One listening socket on loopback that can go away and come back on the same port. */
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { begin, type ListenerName, type RecordedRequest } from './requests.ts';

/** A server, listening or not. */
export interface Listener {
  readonly port: number;
  /** No slash at its end. */
  readonly url: string;
  /** Stops listening and cuts every connection: the next one is refused. */
  down(): Promise<void>;
  up(): Promise<void>;
}

interface ListenerParts {
  readonly name: ListenerName;
  /** 0 takes a free one. */
  readonly port: number;
  readonly serve: RequestListener;
  /** Asked to be a proxy for somewhere else; it refuses. */
  readonly refused: (record: RecordedRequest) => void;
}

/** Listens on 127.0.0.1 only. */
export async function startListener({
  name,
  port: wanted,
  serve,
  refused,
}: ListenerParts): Promise<Listener> {
  const server = createServer(serve);
  server.on('connect', (request, socket) => {
    refused({ ...begin(name, request), status: 403 });
    socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n');
  });

  async function listen(port: number): Promise<void> {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  }

  await listen(wanted);
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    async down() {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
    up: async () => {
      if (!server.listening) await listen(port);
    },
  };
}
