/** Which proxy a request takes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { proxyFor, UnusableProxy } from '../../../src/infra/net/proxy.ts';

const P = 'http://proxy.corp:3128';

for (const [url, variables, expected] of [
  ['https://api.x', { HTTPS_PROXY: P }, [P, 'HTTPS_PROXY']],
  ['https://api.x', { HTTPS_PROXY: 'proxy.corp:3128' }, [P, 'HTTPS_PROXY']],
  ['https://api.x', { HTTPS_PROXY: 'http://a:1', https_proxy: P }, [P, 'https_proxy']],
  ['https://api.x', { HTTPS_PROXY: P, https_proxy: '' }, null],
  ['https://api.x', { HTTP_PROXY: P }, null],
  ['http://api.x', { HTTPS_PROXY: P }, null],
  ['http://api.x', { HTTP_PROXY: P }, [P, 'HTTP_PROXY']],
  ['http://api.x', { ALL_PROXY: P }, [P, 'ALL_PROXY']],
  ['https://api.x', { ALL_PROXY: 'http://a:1', HTTPS_PROXY: P }, [P, 'HTTPS_PROXY']],
  ['https://api.x', { all_proxy: 'socks5h://s:1080' }, ['socks5://s:1080', 'all_proxy']],
  ['http://localhost:9099', { HTTP_PROXY: P }, null],
  ['http://LOCALHOST.:9099', { HTTP_PROXY: P }, null],
  ['http://127.1:9099', { HTTP_PROXY: P }, null],
  ['http://[::1]:9099', { HTTP_PROXY: P, NO_PROXY: '' }, null],
  ['http://[::ffff:127.0.0.1]:9099', { HTTP_PROXY: P }, null],
  ['http://localhost', { HTTP_PROXY: 'nonsense://' }, null],
  ['http://0.0.0.0:9099', { HTTP_PROXY: P }, null],
  ['http://[::]:9099', { HTTP_PROXY: P }, null],
  ['https://api.x', { HTTPS_PROXY: P, NO_PROXY: '*' }, null],
  ['https://api.x', { HTTPS_PROXY: P, NO_PROXY: 'a, *' }, null],
  ['https://api.x', { HTTPS_PROXY: P, NO_PROXY: 'API.X' }, null],
  ['https://api.x.', { HTTPS_PROXY: P, NO_PROXY: 'api.x' }, null],
  ['https://a.b.x', { HTTPS_PROXY: P, NO_PROXY: 'b.x' }, null],
  ['https://a.b.x', { HTTPS_PROXY: P, NO_PROXY: '.b.x' }, null],
  ['https://a.b.x', { HTTPS_PROXY: P, NO_PROXY: '*.b.x' }, null],
  ['https://ab.x', { HTTPS_PROXY: P, NO_PROXY: 'b.x' }, [P, 'HTTPS_PROXY']],
  ['https://api.x', { HTTPS_PROXY: P, NO_PROXY: 'api.x:443' }, null],
  ['https://api.x:8443', { HTTPS_PROXY: P, NO_PROXY: 'api.x:443' }, [P, 'HTTPS_PROXY']],
  ['https://api.x', { HTTPS_PROXY: P, NO_PROXY: 'https://api.x' }, null],
  ['https://api.x', { HTTPS_PROXY: P, NO_PROXY: 'http://api.x' }, [P, 'HTTPS_PROXY']],
  ['https://[fe80::1]', { HTTPS_PROXY: P, NO_PROXY: 'fe80::1' }, null],
  ['https://[fe80::1]', { HTTPS_PROXY: P, NO_PROXY: '[fe80::1]:443' }, null],
  ['https://[fe80::1]', { HTTPS_PROXY: P, no_proxy: '', NO_PROXY: '*' }, [P, 'HTTPS_PROXY']],
] as const) {
  test(`${url} with ${JSON.stringify(variables)}: ${expected?.join(' of ') ?? 'no proxy'}`, () => {
    const found = proxyFor(new URL(url), variables as Record<string, string>);
    assert.deepEqual(
      found === undefined ? null : [found.url.href.replace(/\/$/, ''), found.variable],
      expected,
    );
  });
}

for (const value of ['socks4://p:1', 'nonsense://', 'http://', 'http://u:pa#ss@h:1', 'h:port', 'ftp://p']) {
  test(`${value} is not a proxy; the error names the variable and not the value`, () => {
    assert.throws(
      () => proxyFor(new URL('https://api.x'), { HTTPS_PROXY: value }),
      (error: Error) =>
        error instanceof UnusableProxy && error.variable === 'HTTPS_PROXY' && !error.message.includes(value),
    );
  });
}
