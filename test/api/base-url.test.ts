/** Which hosts, ports and schemes a person may give, and what address they make. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { baseUrl } from '../../src/api/base-url.ts';
import { UserError } from '../../src/errors.ts';

interface Case {
  readonly host: string;
  readonly port: number | null;
  readonly force_tls: boolean;
  readonly force_no_tls: boolean;
  readonly engine: string;
}

const fixture = new URL('../fixtures/base-url.json', import.meta.url);
const cases: readonly Case[] = JSON.parse(readFileSync(fixture, 'utf8')).cases;

const LOCAL = 'the local machine is local in any case, at any port';
const BRACKETS = 'an IPv6 address needs brackets in a URL';
const COLON = 'a trailing colon is no port';
const SCHEME = 'the scheme of a host is honoured, unless an option contradicts it';

/** Where we build another URL on purpose: host, our URL without and with --port 9099, why; http with --no-tls. */
const DIFFERENCES: readonly (readonly [host: string, plain: string, withPort: string, why: string])[] = [
  ['LOCALHOST', 'http://localhost:9099', 'http://localhost:9099', LOCAL],
  ['localhost:8080', 'http://localhost:8080', 'http://localhost:8080', LOCAL],
  ['::1', 'http://[::1]:9099', 'http://[::1]:9099', LOCAL],
  ['[::1]', 'http://[::1]:9099', 'http://[::1]:9099', LOCAL],
  ['fe80::1', 'https://[fe80::1]', 'https://[fe80::1]:9099', BRACKETS],
  ['2001:db8::1', 'https://[2001:db8::1]', 'https://[2001:db8::1]:9099', BRACKETS],
  ['::ffff:127.0.0.1', 'https://[::ffff:127.0.0.1]', 'https://[::ffff:127.0.0.1]:9099', BRACKETS],
  ['host:', 'https://host', 'https://host:9099', COLON],
  ['api.arcade.dev:', 'https://api.arcade.dev', 'https://api.arcade.dev:9099', COLON],
  ['localhost:', 'http://localhost:9099', 'http://localhost:9099', COLON],
  ['http://localhost', 'http://localhost:9099', 'http://localhost:9099', SCHEME],
  ['http://localhost:9099', 'http://localhost:9099', 'http://localhost:9099', SCHEME],
  ['https://api.arcade.dev', 'https://api.arcade.dev', 'https://api.arcade.dev:9099', SCHEME],
];

/** Hosts that we refuse and the original passes on, however the options stand. */
const REFUSED_HOSTS: Record<string, string> = {
  '': 'a URL needs a host',
  'host:abc': 'a port is a number',
  'host:99999': 'a port is at most 65535',
  'api.arcade.dev/path': 'a base URL has no path',
  'user@host': 'credentials do not belong on the command line',
  'user:pw@host.com': 'credentials do not belong on the command line',
  ' api.arcade.dev': 'a host has no white space',
  'ex ample.com': 'a host has no white space',
  'host?x=1': 'a base URL has no query',
  'host#f': 'a base URL has no fragment',
  '1.2.3.4.5': 'no URL parser takes a host that ends in a number and is no IPv4 address',
};

for (const host of new Set(cases.map((each) => each.host))) {
  const [, plain, withPort, why = REFUSED_HOSTS[host]] = DIFFERENCES.find((row) => row[0] === host) ?? [];
  test(`"${host}" ${why === undefined ? 'equals the original' : `differs: ${why}`}`, () => {
    const results = cases
      .filter((each) => each.host === host)
      .map((each) => {
        const { port, force_tls: tls, force_no_tls: noTls, engine } = each;
        const url = port === null ? plain : withPort;
        const contradicts = noTls && host.startsWith('https:');
        const came = outcome({ host, port: port ?? undefined, tls, noTls });
        if (host in REFUSED_HOSTS || contradicts) assert.match(came, /^--/);
        else assert.equal(came, (noTls ? url?.replace('https:', 'http:') : url) ?? engine);
        return came === engine;
      });
    assert.equal(results.every(Boolean), why === undefined, 'the difference is stale');
  });
}

test('every difference names a case', () => {
  const hosts = cases.map(({ host }) => host);
  const named = [...DIFFERENCES.map(([host]) => host), ...Object.keys(REFUSED_HOSTS)];
  for (const host of named) assert.ok(hosts.includes(host), host);
});

const NONE = { tls: false, noTls: false };
const TLS = { tls: true, noTls: false };
const BOTH = { tls: true, noTls: true };

/** What else a person may type: host, options, and the URL, or why there is none. */
const TYPED: readonly (readonly [string, Partial<Parameters<typeof baseUrl>[0]>, string])[] = [
  ['localhost', TLS, 'https://localhost:9099'],
  ['localhost', BOTH, 'http://localhost:9099'],
  ['api.arcade.dev', TLS, 'https://api.arcade.dev'],
  ['api.arcade.dev', BOTH, 'http://api.arcade.dev'],
  ['localhost', { localPort: 8000 }, 'http://localhost:8000'],
  ['LocalHost:80', NONE, 'http://localhost:80'],
  ['127.0.0.1:8080', NONE, 'http://localhost:8080'],
  ['0.0.0.0:', TLS, 'https://localhost:9099'],
  ['[::1]:8080', NONE, 'http://[::1]:8080'],
  ['[::1]:', NONE, 'http://[::1]:9099'],
  ['::1:', NONE, 'http://[::1]:9099'],
  ['0:0:0:0:0:0:0:1', NONE, 'http://[::1]:9099'],
  ['https://[::1]', NONE, 'https://[::1]:9099'],
  ['::', NONE, 'https://[::]'],
  ['fe80::', NONE, 'https://[fe80::]'],
  ['[2001:DB8::A]:443', NONE, 'https://[2001:DB8::A]:443'],
  ['::1:9099', NONE, 'https://[::1:9099]'],
  ['http://localhost/', NONE, 'http://localhost:9099'],
  ['https://localhost', NONE, 'https://localhost:9099'],
  ['HTTPS://Arcade.Example.com/', NONE, 'https://Arcade.Example.com'],
  ['http://api.arcade.dev:8080/', NONE, 'http://api.arcade.dev:8080'],
  ['http://api.arcade.dev', { ...BOTH, port: 80 }, 'http://api.arcade.dev:80'],
  ['https://api.arcade.dev', TLS, 'https://api.arcade.dev'],
  ['host', { port: 1 }, 'https://host:1'],
  ['host', { port: 65_535 }, 'https://host:65535'],
  ['0x7f.1', NONE, 'https://0x7f.1'],
  ['localhost.', NONE, 'https://localhost.'],
  ['münchen.example:8443', { port: 1 }, 'https://xn--mnchen-3ya.example:8443'],
  ['API.münchen.DE', NONE, 'https://api.xn--mnchen-3ya.de'],
  ['MÜNCHEN.example', NONE, 'https://xn--mnchen-3ya.example'],
  ['my_hôst.example', NONE, 'https://xn--my_hst-lxa.example'],
  ['例え。jp', NONE, 'https://xn--r8jz45g.jp'],
  ['ｌｏｃａｌｈｏｓｔ', NONE, 'http://localhost:9099'],
  ['http://', NONE, '--host is empty.'],
  [':', NONE, '--host is empty.'],
  [':9099', NONE, '--host is empty.'],
  ['ftp://host', NONE, '--host has a scheme other than http:// and https://.'],
  ['http://host', TLS, '--tls contradicts the http:// in --host.'],
  ['https://host', BOTH, '--no-tls contradicts the https:// in --host.'],
  ['https://me:s3cret@host/p?q#f', NONE, '--host must not contain a user name or password.'],
  ['host\u3000', NONE, '--host must not contain white space or control characters.'],
  ['host\n', NONE, '--host must not contain white space or control characters.'],
  ['host\0', NONE, '--host must not contain white space or control characters.'],
  ['host/', NONE, '--host must not contain a path.'],
  ['https://host//', NONE, '--host must not contain a path.'],
  ['https://host/v1', NONE, '--host must not contain a path.'],
  ['host\\@evil', NONE, '--host must not contain a user name or password.'],
  ['host\\evil', NONE, '--host must not contain a path.'],
  ['https://host?', NONE, '--host must not contain a query.'],
  ['https://host#', NONE, '--host must not contain a fragment.'],
  ['ho%73t', NONE, '--host must not contain a percent sign.'],
  ['fe80::1%eth0', NONE, '--host must not contain a percent sign.'],
  ['host:0', NONE, '--host has a port that is not a number from 1 to 65535.'],
  ['host:80.5', NONE, '--host has a port that is not a number from 1 to 65535.'],
  ['host:-1', NONE, '--host has a port that is not a number from 1 to 65535.'],
  ['host:٣', NONE, '--host has a port that is not a number from 1 to 65535.'],
  ['host::80', NONE, '--host has a port that is not a number from 1 to 65535.'],
  ['::1:99999', NONE, '--host has a port that is not a number from 1 to 65535.'],
  ['[::1', NONE, '--host is not a valid host name or address.'],
  ['[::1]80', NONE, '--host is not a valid host name or address.'],
  ['[::1]:[::2]:80', NONE, '--host is not a valid host name or address.'],
  ['[::1]:99999', NONE, '--host has a port that is not a number from 1 to 65535.'],
  ['[host]', NONE, '--host is not a valid host name or address.'],
  ['a<b', NONE, '--host is not a valid host name or address.'],
  ['256.1.1.1', NONE, '--host is not a valid host name or address.'],
  ['a℀b.example', NONE, '--host is not a valid host name or address.'],
  ['\xad', NONE, '--host is not a valid host name or address.'],
];

for (const [host, options, expected] of TYPED)
  test(`${JSON.stringify(host)} with ${JSON.stringify(options)}: ${expected}`, () => {
    assert.equal(outcome({ host, ...NONE, ...options }), expected);
  });

test('a setting is read by the same rules, and named when it is refused; options win over its port and scheme', () => {
  const url = (host: string, more: Partial<Parameters<typeof baseUrl>[0]> = {}): string =>
    outcome({ host, setting: 'ARCADE_URL', ...NONE, ...more });
  assert.equal(url('https://arcade.example.com/'), 'https://arcade.example.com');
  assert.equal(url('http://127.0.0.1'), 'http://localhost:9099');
  assert.equal(url('https://me:pw@host'), 'ARCADE_URL must not contain a user name or password.');
  assert.equal(url('a/b', { port: 1 }), 'ARCADE_URL must not contain a path.');
  const set = 'https://arcade.internal:8443';
  assert.equal(url(set), set);
  assert.equal(url(set, { port: 9443 }), 'https://arcade.internal:9443');
  assert.equal(url(set, { noTls: true }), 'http://arcade.internal:8443');
});

/** The URL, or what is said of why there is none. */
function outcome(connection: Partial<Parameters<typeof baseUrl>[0]> & { host: string }): string {
  try {
    return baseUrl({ localPort: 9099, ...connection });
  } catch (error) {
    assert.ok(error instanceof UserError);
    assert.deepEqual([error.code, error.exitCode], ['INVALID_URL', 2]);
    return error.message;
  }
}
