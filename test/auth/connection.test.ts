/** Which engine and which coordinator credentials are used with. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type ConnectionOptions,
  coordinatorUrl,
  engineUrl,
  isSelfHosted,
  loginCoordinatorUrl,
  mayAskCoordinator,
  mayNameEndpoint,
} from '../../src/auth/connection.ts';
import type { Credentials } from '../../src/auth/credentials.ts';
import { readSettings } from '../../src/settings.ts';
import { KEY, loginOf } from '../support/credentials.ts';
import { PROGRAM } from '../support/program.ts';

const settings = (url?: string) => readSettings(url === undefined ? {} : { ARCADE_URL: url }, PROGRAM);
const NO_FLAGS: ConnectionOptions = { host: undefined, port: undefined, tls: false, noTls: false };
const NOBODY: Credentials = { kind: 'none' };
const login = (coordinatorUrl: string | null): Credentials => loginOf({ coordinatorUrl });

describe('the engine of a login', () => {
  for (const [coordinator, url, expected] of [
    [null, undefined, 'https://api.arcade.dev'],
    ['https://cloud.arcade.dev', undefined, 'https://api.arcade.dev'],
    ['cloud.arcade.dev', undefined, 'https://api.arcade.dev'],
    ['https://cloud.arcade.dev.', undefined, 'https://api.arcade.dev'],
    ['https://cloud.staging.arcade.dev', undefined, 'https://api.staging.arcade.dev'],
    ['https://cloud.tenant.example.com', undefined, 'https://api.tenant.example.com'],
    ['https://cloud.tenant.example.com', 'https://api.tenant.example.com', 'https://api.tenant.example.com'],
    ['https://cloud.tenant.example.com', 'cloud.tenant.example.com', 'https://cloud.tenant.example.com'],
    ['https://login.tenant.example.com', 'https://engine.example.com', 'https://engine.example.com'],
    ['http://localhost:8000', 'http://localhost', 'http://localhost:9099'],
    ['https://login.arcade.dev', undefined, null],
    ['https://cloud.dev', undefined, null],
    ['https://cloud.tenant.example.com:8443', undefined, null],
    ['https://arcade.example.com', undefined, null],
    ['http://localhost:8000', undefined, null],
    [null, 'http://127.0.0.1:39105', null],
    ['https://cloud.arcade.dev', 'https://api.staging.arcade.dev', null],
    ['https://cloud.staging.arcade.dev', 'https://api.arcade.dev', null],
    ['https://cloud.tenant.example.com', 'https://api.tenant.example.org', null],
    ['https://cloud.tenant.example.com', 'https://eviltenant.example.com', null],
  ] as const) {
    test(`${coordinator ?? 'no coordinator'} with ARCADE_URL=${url ?? ''}: ${expected ?? 'none'}`, () => {
      const engine = (): string => engineUrl(NO_FLAGS, settings(url), login(coordinator));
      if (expected !== null) assert.equal(engine(), expected);
      else
        assert.throws(engine, {
          code: 'ENGINE_UNKNOWN',
          hint: url === undefined ? /--host, or set ARCADE_URL/ : /Unset ARCADE_URL.*login --force/,
        });
    });
  }
});

test('an explicit --host, a key from the environment and nobody take the engine that is named', () => {
  const engine = (flags: Partial<ConnectionOptions>): string =>
    engineUrl({ ...NO_FLAGS, ...flags }, settings(), login(null));
  assert.equal(engine({ host: 'engine.example.com' }), 'https://engine.example.com');
  assert.equal(engine({ port: 8443 }), 'https://api.arcade.dev:8443');
  assert.equal(engineUrl(NO_FLAGS, settings(), KEY), 'https://api.arcade.dev');
  assert.equal(engineUrl(NO_FLAGS, settings('https://e.example.com'), KEY), 'https://e.example.com');
});

test('a stored login goes to its own coordinator whatever ARCADE_URL says; a new one goes where that says', () => {
  const other = settings('http://127.0.0.1:39105');
  assert.equal(
    coordinatorUrl(other, login('https://cloud.staging.arcade.dev')),
    'https://cloud.staging.arcade.dev',
  );
  assert.equal(coordinatorUrl(other, login(null)), 'https://cloud.arcade.dev');
  assert.equal(coordinatorUrl(other, { ...KEY, source: 'file' }), 'https://cloud.arcade.dev');
  assert.equal(coordinatorUrl(other, KEY), 'http://localhost:39105');
  assert.equal(loginCoordinatorUrl(NO_FLAGS, other, login(null)), 'http://localhost:39105');
  assert.equal(
    loginCoordinatorUrl(NO_FLAGS, settings(), login('https://c.example.com')),
    'https://c.example.com',
  );
  assert.equal(loginCoordinatorUrl(NO_FLAGS, settings(), NOBODY), 'https://cloud.arcade.dev');
  const flags = { ...NO_FLAGS, host: 'x.example.com' };
  assert.equal(loginCoordinatorUrl(flags, other, login(null)), 'https://x.example.com');
});

test('credentials that say nothing of their coordinator are not shown to Arcade by a command for another engine', () => {
  const elsewhere = { ...NO_FLAGS, host: 'localhost' };
  assert.ok(!mayAskCoordinator(elsewhere, settings(), KEY));
  assert.ok(!mayAskCoordinator(elsewhere, settings(), login(null)));
  assert.ok(!mayAskCoordinator(NO_FLAGS, settings('http://localhost'), login(null)));
  assert.ok(mayAskCoordinator(elsewhere, settings(), login('https://cloud.arcade.dev')));
  assert.ok(mayAskCoordinator(NO_FLAGS, settings('https://e.example.com'), KEY));
  assert.ok(!mayAskCoordinator(NO_FLAGS, settings(), NOBODY));
});

test('a coordinator sends sign-ins to its own host or domain alone, Arcade’s wherever it likes', () => {
  for (const [coordinator, endpoint, expected] of [
    ['https://evil.example.com', 'https://cloud.arcade.dev/oauth2/authorize', false],
    ['https://evil.example.com', 'https://cloud.arcade.dev./oauth2/authorize', false],
    ['https://evil.example.com', 'https://CLOUD.ARCADE.DEV/oauth2/authorize', false],
    ['https://evil.example.com', 'https://login.other.example/authorize', false],
    ['https://evil.example.com', 'https://evil.example.com:444/authorize', true],
    ['https://cloud.tenant.example.com', 'https://login.tenant.example.com/authorize', true],
    ['https://cloud.tenant.example.com', 'https://login.example.com/authorize', false],
    ['http://localhost:8000', 'http://127.0.0.1:4444/authorize', true],
    ['https://cloud.arcade.dev', 'https://login.somewhere.example/authorize', true],
  ] as const)
    assert.equal(mayNameEndpoint(coordinator, endpoint), expected, `${coordinator} ${endpoint}`);
  assert.ok(!isSelfHosted('https://Cloud.Arcade.Dev./x'));
});
