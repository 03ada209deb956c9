/** One exchange, directly and by a proxy: what servers do wrong is named, the signal ends it, connections are kept. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { failureOf } from '../../../src/infra/net/failure.ts';
import {
  type Exchange,
  type HttpAnswer,
  send as sendBy,
  useNetworkVariables,
  watchNetwork,
} from '../../../src/infra/net/network.ts';
import { startBadProxy as startBadServer } from '../../support/bad-proxies.ts';
import { makeAuthority } from '../../support/tls.ts';

/** This machine is never reached by a proxy, so the second way goes to the same server under another name. */
const WAYS = ['directly', 'by a proxy'] as const;

function addressOf(way: (typeof WAYS)[number], port: number): string {
  useNetworkVariables(way === 'directly' ? {} : { HTTP_PROXY: `http://127.0.0.1:${port}` });
  return way === 'directly' ? `http://127.0.0.1:${port}/` : 'http://api.test/';
}

function send(url: string, more: Partial<Exchange> = {}): Promise<HttpAnswer> {
  const signal = AbortSignal.timeout(5_000);
  return sendBy(url, { method: 'GET', headers: {}, body: null, signal, ...more });
}

const HEAD = 'HTTP/1.1 200 OK\r\n';
const answering =
  (...parts: string[]) =>
  (socket: Socket): void =>
    void socket.once('data', async () => {
      for (const part of parts) {
        socket.write(part);
        await pause(10);
      }
      socket.end();
    });

describe('an answer', { concurrency: true }, () => {
  for (const [title, behave, expected] of [
    ['that is not HTTP', answering('SSH-2.0-OpenSSH_9.2\r\n'), 'lost'],
    ['that never begins', answering(), 'lost'],
    ['that ends within its head', answering('HTTP/1.1 200 O'), 'lost'],
    ['with a head of 100 KB', answering(HEAD, `a: ${'x'.repeat(100_000)}\r\n\r\n`), 'lost'],
    ['that ends within its body', answering(`${HEAD}content-length: 9\r\n\r\n`, '{}'), 'lost'],
    ['that ends within a chunk', answering(`${HEAD}transfer-encoding: chunked\r\n\r\n`, '9\r\n{}'), 'lost'],
    ['of broken chunks', answering(`${HEAD}transfer-encoding: chunked\r\n\r\n`, 'x\r\n'), 'lost'],
    ['that is reset', (socket: Socket) => void socket.once('data', () => socket.resetAndDestroy()), 'lost'],
    ['longer than it says', answering(`${HEAD}content-length: 2\r\n\r\n{}more`), '200 {}'],
    ['as long as its connection', answering(HEAD, '\r\n{', '}'), '200 {}'],
    [
      'in chunks',
      answering(`${HEAD}transfer-encoding: chunked\r\n\r\n`, '1\r\n{\r\n', '1\r\n}\r\n0\r\n\r\n'),
      '200 {}',
    ],
    [
      'that switches to another protocol',
      answering('HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n'),
      'lost',
    ],
    ['without a body', answering('HTTP/1.1 204 No\r\n\r\n'), '204 '],
    [
      'that leads elsewhere',
      answering('HTTP/1.1 302 No\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n'),
      '302 ',
    ],
  ] as const) {
    test(`${title}: ${expected}`, async (t) => {
      const { port } = await startBadServer(t, behave);
      for (const way of WAYS) {
        const came = await send(addressOf(way, port)).then(
          ({ status, text }) => `${status} ${text}`,
          (error: unknown) => failureOf(error),
        );
        assert.equal(came, expected, way);
      }
    });
  }
});

test('a body without end is cut off, and its connection with it', async (t) => {
  for (const way of WAYS) {
    let isClosed = false;
    const { port } = await startBadServer(t, (socket) => {
      socket.on('close', () => {
        isClosed = true;
      });
      const more = (): void => {
        while (!socket.destroyed && socket.write('x'.repeat(1 << 16)));
      };
      socket.on('drain', more).once('data', () => {
        socket.write(`${HEAD}\r\n`);
        more();
      });
    });
    const { text } = await send(addressOf(way, port));
    assert.ok(text.length > 8 << 20 && text.length < 9 << 20, `${way}: ${text.length}`);
    while (!isClosed) await pause(10);
  }
});

describe('the signal', () => {
  for (const [moment, behave] of [
    ['the head', () => undefined],
    ['the rest of a body', answering(`${HEAD}content-length: 9\r\n\r\n{`, ...Array<string>(500).fill(''))],
  ] as const) {
    for (const way of WAYS) {
      test(`ends the wait for ${moment} ${way}, with its reason and at once`, async (t) => {
        const { port, connections } = await startBadServer(t, behave);
        const limit = new AbortController();
        const reason = new Error('enough');
        const sending = send(addressOf(way, port), { signal: limit.signal });
        let outcome: unknown;
        sending.catch((error: unknown) => {
          outcome = error;
        });
        while (connections() === 0) await pause(10);
        await pause(50);
        limit.abort(reason);
        await Promise.resolve();
        await Promise.resolve();
        assert.equal(outcome, reason);
      });
    }
  }
});

test('a server that accepts a connection and does not speak TLS is given up after the connect limit of 5 s', async (t) => {
  const { port } = await startBadServer(t, () => undefined);
  useNetworkVariables({});
  const signal = AbortSignal.timeout(30_000);
  const error = await send(`https://127.0.0.1:${port}/`, { signal }).catch((reason: unknown) => reason);
  assert.deepEqual([failureOf(error), signal.aborted], ['timeout', false]);
});

test('requests one after the other take one connection, with their bodies and headers', async (t) => {
  const got: unknown[] = [];
  let connections = 0;
  const server = createHttpServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { host, accept, 'content-length': length } = request.headers;
      got.push([request.method, request.url, host, accept, length, Buffer.concat(chunks).toString()]);
      response.end('{}');
    });
  });
  server.on('connection', () => {
    connections += 1;
  });
  server.listen(0, '::1');
  await once(server, 'listening').catch(() => server.listen(0, '127.0.0.1') && once(server, 'listening'));
  t.after(() => void server.close());
  const { address, port } = server.address() as AddressInfo;
  const host = `${address.includes(':') ? `[${address}]` : address}:${port}`;
  useNetworkVariables({});
  for (const [method, body] of [
    ['GET', null],
    ['PUT', '{"a":"ä"}'],
    ['POST', Buffer.from([1, 2])],
    ['DELETE', null],
  ] as const) {
    const { text } = await send(`http://${host}/a%20b?c`, { method, headers: { accept: 'x' }, body });
    assert.equal(text, '{}');
  }
  assert.deepEqual(got, [
    ['GET', '/a%20b?c', host, 'x', undefined, ''],
    ['PUT', '/a%20b?c', host, 'x', '10', '{"a":"ä"}'],
    ['POST', '/a%20b?c', host, 'x', '2', '\u0001\u0002'],
    ['DELETE', '/a%20b?c', host, 'x', undefined, ''],
  ]);
  assert.equal(connections, 1);
});

describe('the request is on its way when the process turns to something else', () => {
  // A server that goes on while this thread is busy.
  const CODE = `const { workerData: { options, flag }, parentPort } = require('node:worker_threads');
    const { createServer } = options.key ? require('node:tls') : require('node:net');
    createServer(options, (socket) => socket.once('data', () => {
      Atomics.store(flag, 0, 1);
      Atomics.notify(flag, 0);
      socket.end('HTTP/1.1 204 No\\r\\n\\r\\n');
    })).listen(0, '127.0.0.1', function () { parentPort.postMessage(this.address().port); });`;
  for (const way of [...WAYS, 'by TLS'] as const) {
    test(way, async (t) => {
      const { ca, key, cert } = makeAuthority(t, 'api.test');
      const flag = new Int32Array(new SharedArrayBuffer(4));
      const options = way === 'by TLS' ? { key, cert } : {};
      const server = new Worker(CODE, { eval: true, workerData: { options, flag } });
      t.after(() => server.terminate());
      const [port] = (await once(server, 'message')) as [number];
      const url = way === 'by TLS' ? `https://127.0.0.1:${port}/` : addressOf(way, port);
      if (way === 'by TLS') useNetworkVariables({ SSL_CERT_FILE: ca });
      const outcomes: string[] = [];
      const isAnswered = watchNetwork(() => void outcomes.push(Atomics.wait(flag, 0, 0, 5_000)));
      assert.equal(isAnswered(), false);
      const { status } = await send(url);
      assert.equal(status, 204);
      assert.equal(outcomes.length, 1);
      assert.notEqual(outcomes[0], 'timed-out');
      assert.equal(isAnswered(), true);
    });
  }
});
