/** One listening socket on loopback that can go away and come back on the same port. */
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import type { TestContext } from 'node:test';

/** Lets a server listen on a free port of 127.0.0.1 until the test ends; resolves to the port. */
export async function listen(t: TestContext, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** Listens on a free port of 127.0.0.1. */
export async function startListener(serve: RequestListener) {
  const server = createServer(serve);
  const listen = async (onPort: number): Promise<void> => {
    server.listen(onPort, '127.0.0.1');
    await once(server, 'listening');
  };
  await listen(0);
  const { port } = server.address() as AddressInfo;
  return {
    server,
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
