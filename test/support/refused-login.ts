/** Logins that cannot succeed, and how each of them has to end. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Arcade } from './arcade.ts';
import { type Ran, arcade as run } from './cli.ts';
import type { Sandbox } from './sandbox.ts';

/** Nothing but the login itself leaves a file behind. */
export const env = { ARCADE_USAGE_TRACKING: '0' };

/** Runs a login that ends before the person is asked for anything. */
export function refused(home: Sandbox, arcade: Arcade, args: readonly string[] = []): Promise<Ran> {
  return run(home, ['login', '--no-browser', '--timeout', '5', '--host', arcade.coordinator.url, ...args], {
    env,
  });
}

/** It failed with one line and a hint, and stored nothing. */
export function assertFailed(home: Sandbox, ran: Ran, message: RegExp): void {
  assert.equal(ran.exitCode, 1, ran.stderr);
  assert.equal(ran.stdout, '');
  const lines = ran.stderr
    .split('\n')
    .filter((line) => !/^(Open this URL|The browser returns|\S+ does not support OAuth)/.test(line));
  assert.match(lines[0] ?? '', /^Error: /);
  assert.match(lines[0] ?? '', message);
  assert.ok(lines.length <= 3, `an error and a hint: ${ran.stderr}`);
  assert.ok(!existsSync(join(home.directory, 'credentials.yaml')), 'nothing is stored');
}
