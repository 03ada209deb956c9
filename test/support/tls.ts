/** HTTPS in front of a stand-in, with a private CA, and a proxy as companies have them. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpServer, request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { listen } from './listener.ts';

export interface Authority {
  /** The CA's certificate, for NODE_EXTRA_CA_CERTS. */
  readonly ca: string;
  readonly key: Buffer;
  readonly cert: Buffer;
}

/** A private CA, and a certificate of its for `name` and 127.0.0.1. */
export function makeAuthority(t: TestContext, name: string): Authority {
  const folder = mkdtempSync(join(tmpdir(), 'arcade-ca-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const openssl = (command: string, ...more: string[]): void =>
    void execFileSync('openssl', [...command.split(' '), ...more], { cwd: folder, stdio: 'ignore' });
  const key = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes';
  openssl(`req -x509 ${key} -keyout ca.key -out ca.pem -days 2 -subj`, '/CN=Private CA');
  openssl(
    `req ${key} -keyout key.pem -out request.pem -subj`,
    `/CN=${name}`,
    '-addext',
    `subjectAltName=DNS:${name},IP:127.0.0.1`,
  );
  openssl('x509 -req -in request.pem -CA ca.pem -CAkey ca.key -days 2 -copy_extensions copy -out cert.pem');
  return {
    ca: join(folder, 'ca.pem'),
    key: readFileSync(join(folder, 'key.pem')),
    cert: readFileSync(join(folder, 'cert.pem')),
  };
}

/** TLS on a port of its own, plain to `port` behind it. */
export async function startTls(t: TestContext, port: number, { key, cert }: Authority): Promise<number> {
  const server = createTlsServer({ key, cert }, (socket) => {
    const inner = connect(port, '127.0.0.1').on('error', () => socket.destroy());
    socket
      .on('error', () => inner.destroy())
      .pipe(inner)
      .pipe(socket);
  });
  return await listen(t, server);
}

export interface Proxy {
  readonly url: string;
  /** What was asked of it: `CONNECT host:port`, or a method and a whole URL. */
  readonly asked: readonly string[];
}

/** A proxy that takes every connection, whatever it is for, to `port` on loopback. */
export async function startProxy(t: TestContext, port: number): Promise<Proxy> {
  const asked: string[] = [];
  const server = createHttpServer((incoming, response) => {
    asked.push(`${incoming.method} ${incoming.url}`);
    const { pathname, search } = new URL(incoming.url ?? '', 'http://proxy');
    const options = {
      port,
      host: '127.0.0.1',
      method: incoming.method,
      path: pathname + search,
      headers: incoming.headers,
    };
    const onward = request(options, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    incoming.pipe(onward.on('error', () => response.destroy()));
  });
  server.on('connect', (incoming, socket) => {
    asked.push(`CONNECT ${incoming.url}`);
    const inner = connect(port, '127.0.0.1', () => socket.write('HTTP/1.1 200 OK\r\n\r\n'));
    inner.on('error', () => socket.destroy()).pipe(socket);
    socket.on('error', () => inner.destroy()).pipe(inner);
  });
  return { url: `http://127.0.0.1:${await listen(t, server)}`, asked };
}
