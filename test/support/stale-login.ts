/** Logins that are about to expire, and commands that meet them. */

import type { Arcade } from './arcade.ts';
import { arcade as run } from './cli.ts';
import type { Sandbox } from './sandbox.ts';

/** Nothing but the login is in the home. */
export const OFF = { ARCADE_USAGE_TRACKING: '0' };
/** Where a refresh arrives. */
export const TOKEN = /oauth2\/token$/;

/** A command that needs the login. */
export const list = (home: Sandbox, arcade: Arcade, env: Record<string, string> = {}) =>
  run(home, ['secret', 'list', '--json', '--host', arcade.engine.url], { env: { ...OFF, ...env } });

/** How often a server was asked for tokens. */
export const refreshes = (arcade: Arcade): number =>
  arcade.requests.filter(({ path }) => TOKEN.test(path)).length;
