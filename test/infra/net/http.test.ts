/** One request to Arcade, by every kind of proxy and to every kind of server: it ends in time, and says who failed. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, connect, createServer } from 'node:net';
import { delimiter, dirname } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { UserError } from '../../../src/errors.ts';
import { exchange } from '../../../src/infra/net/http.ts';
import { useNetworkVariables } from '../../../src/infra/net/network.ts';
import type { NetworkVariables } from '../../../src/infra/net/proxy.ts';
import { BAD_PROXIES, startBadProxy } from '../../support/bad-proxies.ts';
import { makeAuthority, startProxy, startTls } from '../../support/tls.ts';

const LIMIT_MS = 700;
const BY_PROXY = ' through the proxy in HTTPS_PROXY:';
const REFUSED = `${BY_PROXY} the connection was refused.`;

async function failure(url: string, variables: NetworkVariables, limitMs = LIMIT_MS): Promise<UserError> {
  useNetworkVariables(variables);
  const error = await exchange({ method: 'GET', url, deadline: performance.now() + limitMs }).then(
    (answer) => assert.fail(`answered: ${answer.status}`),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof UserError, String(error));
  return error;
}

async function startServer(t: TestContext): Promise<number> {
  const server = createHttpServer((_request, response) => response.end('{}')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => void server.close());
  return (server.address() as AddressInfo).port;
}

describe('a proxy that fails', () => {
  for (const [kind, behave] of Object.entries(BAD_PROXIES)) {
    for (const scheme of ['https', 'http']) {
      // Without a tunnel that is an answer.
      if (scheme === 'http' && kind === 'a tunnel that ends') continue;
      test(`${scheme} by a proxy that gives ${kind} ends within its limit, and nothing goes on`, async (t) => {
        const proxy = await startBadProxy(t, behave);
        const started = performance.now();
        const isClosed = /^(RST|FIN)/.test(kind);
        const limitMs = isClosed ? 5_000 : LIMIT_MS;
        const { code, message } = await failure(`${scheme}://api.test/`, { ALL_PROXY: proxy.url }, limitMs);
        const ranMs = performance.now() - started;
        assert.ok(ranMs < limitMs + 10_000, `${ranMs} ms`);
        assert.match(code, /^(PROXY_FAILED|CONNECTION_LOST|TIMED_OUT|TLS_FAILED|NETWORK_FAILED)$/);
        if (isClosed)
          assert.equal(
            message,
            'Cannot reach api.test through the proxy in ALL_PROXY: the connection was lost.',
          );
        await new Promise((done) => setTimeout(done, 200));
        assert.ok(proxy.connections() <= 3, `${proxy.connections()} connections`);
      });
    }
  }

  test('a silent proxy is given up after the connect limit of 5 s, long before the total limit', async (t) => {
    const proxy = await startBadProxy(t, () => undefined);
    const error = await failure('https://api.test/', { HTTPS_PROXY: proxy.url }, 30_000);
    assert.equal(
      error.message,
      'Cannot reach api.test through the proxy in HTTPS_PROXY: it did not answer in time.',
    );
  });

  for (const [title, value, message] of [
    ['refuses connections', 'http://127.0.0.1:1', REFUSED],
    ['has no scheme and refuses', '127.0.0.1:1', REFUSED],
    ['is unknown', 'http://proxy.invalid:1', `${BY_PROXY} the host name could not be resolved.`],
    ['has a password with a percent sign', 'http://u:100%s@127.0.0.1:1', REFUSED],
    ['is of an older kind', 'socks4://user:hidden@127.0.0.1:1', ': HTTPS_PROXY is not a proxy address.'],
    ['is nonsense', 'http://user:hid#den@h', ': HTTPS_PROXY is not a proxy address.'],
  ] as const) {
    test(`a proxy that ${title} is blamed by its variable`, async () => {
      const {
        code,
        message: said,
        hint,
      } = await failure('https://api.test/', { HTTPS_PROXY: value }, 10_000);
      assert.deepEqual([code, said], ['PROXY_FAILED', `Cannot reach api.test${message}`]);
      assert.match(hint ?? '', /HTTPS_PROXY.*, or add the host to NO_PROXY\.$/);
      assert.doesNotMatch(said + hint, /hid/);
    });
  }

  for (const [status, what] of [
    [407, 'it requires a user name and password (407)'],
    [403, 'it rejected the connection (403)'],
  ] as const) {
    test(`a proxy that answers ${status} to CONNECT is blamed`, async (t) => {
      const proxy = await startBadProxy(
        t,
        (socket) =>
          void socket.once('data', () => socket.end(`HTTP/1.1 ${status} No\r\ncontent-length: 0\r\n\r\n`)),
      );
      const { message } = await failure('https://api.test/', { HTTPS_PROXY: proxy.url });
      assert.equal(message, `Cannot reach api.test${BY_PROXY} ${what}.`);
    });
  }
});

test('a proxy whose certificate cannot be verified is blamed, and not the server behind it', async (t) => {
  for (const host of ['127.0.0.1', 'localhost']) {
    const authority = makeAuthority(t, 'api.test');
    const port = await startTls(t, 1, authority);
    // The authority is not known, or has said nothing of that name.
    const trusted = host === 'localhost' ? { SSL_CERT_FILE: authority.ca } : {};
    const proxy = `https://${host}:${port}`;
    const { message } = await failure('https://api.test/', { HTTPS_PROXY: proxy, ...trusted }, 5_000);
    assert.equal(message, `Cannot reach api.test${BY_PROXY} its TLS certificate could not be verified.`);
  }
});

test('one proxy in two variables is blamed by the one that named it for this request', async () => {
  const both = { HTTP_PROXY: 'http://127.0.0.1:1', HTTPS_PROXY: 'http://127.0.0.1:1' };
  for (const scheme of ['http', 'https']) {
    const { message } = await failure(`${scheme}://api.test/`, both, 5_000);
    assert.ok(message.includes(` ${scheme.toUpperCase()}_PROXY:`), message);
  }
});

test('an unusable proxy variable does not matter where that proxy is not needed', async (t) => {
  const port = await startServer(t);
  useNetworkVariables({ HTTP_PROXY: 'socks4://x', HTTPS_PROXY: 'nonsense', ALL_PROXY: 'nonsense' });
  assert.equal((await exchange({ method: 'GET', url: `http://localhost:${port}/` })).status, 200);
});

test('a SOCKS5 proxy is used, and no warning is printed', async (t) => {
  const authority = makeAuthority(t, 'api.test');
  const inner = await startTls(t, await startServer(t), authority);
  const asked: string[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => {
      socket.write(Buffer.from([5, 0]));
      socket.once('data', (request) => {
        asked.push(request.subarray(5, -2).toString());
        socket.write(Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
        const onward = connect(inner, '127.0.0.1').on('error', () => socket.destroy());
        onward.pipe(socket).pipe(onward);
      });
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => void server.close());
  const warnings: Error[] = [];
  const note = (warning: Error): void => void warnings.push(warning);
  process.on('warning', note);
  t.after(() => void process.off('warning', note));
  const { port } = server.address() as AddressInfo;
  useNetworkVariables({ ALL_PROXY: `socks5h://127.0.0.1:${port}`, SSL_CERT_FILE: authority.ca });
  assert.equal((await exchange({ method: 'GET', url: 'https://api.test/' })).status, 200);
  assert.deepEqual([asked, warnings], [['api.test'], []]);
});

describe('certificates', () => {
  test('an unknown CA is not trusted, whatever NODE_TLS_REJECT_UNAUTHORIZED says', async (t) => {
    const before = process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
    t.after(() => {
      if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
      else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before;
    });
    const authority = makeAuthority(t, 'api.test');
    const port = await startTls(t, await startServer(t), authority);
    const { url } = await startProxy(t, port);
    for (const [address, variables] of [
      [`https://127.0.0.1:${port}/`, {}],
      ['https://api.test/', { HTTPS_PROXY: url }],
    ] as const) {
      const { code, hint } = await failure(address, variables);
      assert.equal(code, 'TLS_FAILED');
      assert.match(hint ?? '', /NODE_EXTRA_CA_CERTS/);
    }
  });

  test('SSL_CERT_FILE and SSL_CERT_DIR add authorities', async (t) => {
    const authority = makeAuthority(t, 'api.test');
    const port = await startTls(t, await startServer(t), authority);
    const proxy = await startProxy(t, port);
    for (const variables of [
      { SSL_CERT_FILE: authority.ca },
      // A list of folders, which may hold what is no certificate: a key and a request for one.
      { SSL_CERT_DIR: ['/nowhere', dirname(authority.ca)].join(delimiter) },
    ]) {
      for (const [url, more] of [
        [`https://127.0.0.1:${port}/`, {}],
        [`https://api.test:${port}/`, { HTTPS_PROXY: proxy.url }],
      ] as const) {
        useNetworkVariables({ ...variables, ...more });
        assert.equal((await exchange({ method: 'GET', url })).status, 200, JSON.stringify(variables));
      }
    }
  });

  test('a plain HTTP server behind an https:// address is told from a wrong certificate', async (t) => {
    const { message, hint } = await failure(`https://127.0.0.1:${await startServer(t)}/`, {});
    assert.match(message, /it does not speak TLS\.$/);
    assert.equal(hint, 'For a plain HTTP server use --no-tls.');
  });
});
