/** The machine of a history with real processes: a home, a stand-in for Arcade, and one for PostHog. */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { makePrivateDirectory } from '../../src/infra/os/files.ts';
import { openReadOnly } from '../../src/infra/sqlite/database.ts';
import { type Arcade, startArcade } from '../support/arcade.ts';
import { shuffle } from '../support/posthog/order.ts';
import { type PostHog, startPostHog } from '../support/posthog.ts';
import { openSandbox, removeHome, type Sandbox } from '../support/sandbox.ts';
import type { Machine } from './python.ts';
import { openRealSink, type RealSink } from './real-sink.ts';
import type { Login, Step } from './steps.ts';
import { accountId } from './world.ts';

export interface RealWorld extends Machine {
  readonly home: Sandbox;
  readonly servers: { readonly arcade: Arcade; readonly posthog: PostHog };
  readonly sink: RealSink;
  /** Rows of the spool; none before the first command has made it. */
  rows<T>(sql: string, ...values: unknown[]): T[];
  close(): Promise<void>;
}

/** The text of an API key; of both that an account has. */
export const keyOf = ({ who, via }: Login): string => `arc_${via.replace(' ', '_')}_of_${who}`;

/** Starts the servers and makes a home. */
export async function openRealWorld(seed: number): Promise<RealWorld> {
  const users = (['A', 'B', 'C'] as const).map((name) => ({
    name,
    account_id: accountId(name),
    principal_id: accountId(name),
    api_keys: (['key 1', 'key 2'] as const).map((via) => keyOf({ who: name, via })),
  }));
  const [arcade, posthog] = await Promise.all([
    startArcade({ users }),
    startPostHog({ reorder: shuffle(seed) }),
  ]);
  const home = openSandbox();
  makePrivateDirectory(home.directory);
  const path = join(home.directory, 'usage.db');
  const rows = <T>(sql: string, ...values: unknown[]): T[] => {
    if (!existsSync(path)) return [];
    const db = openReadOnly(path, 5_000);
    try {
      return db.prepare(sql).all(...values) as T[];
    } finally {
      db.close();
    }
  };
  return {
    home,
    directory: home.directory,
    servers: { arcade, posthog },
    sink: openRealSink(posthog),
    commands: { statement: (sql) => ({ all: (...values) => rows(sql, ...values) }) },
    file: null,
    posthog: 'up',
    arcade: 'up',
    rows,
    async close() {
      await Promise.all([arcade.close(), posthog.close()]);
      await removeHome(home);
    },
  };
}

/** The credentials file by hand; null removes it. */
export function writeCredentials(world: RealWorld, login: Login | 'corrupt' | null): void {
  const { home, servers } = world;
  world.file = login;
  if (login === null) rmSync(join(home.directory, 'credentials.yaml'), { force: true });
  else if (login === 'corrupt') home.write('credentials.yaml', 'cloud: [');
  else if (login.via === 'oauth') {
    // As `arcade login` stores it, or it would be another login.
    const coordinatorUrl = servers.arcade.coordinator.url.replace('127.0.0.1', 'localhost');
    home.signIn(servers.arcade, servers.arcade.user(login.who), { coordinatorUrl });
  } else home.signInWithKey(keyOf(login), servers.arcade.coordinator.url);
}

/** The credentials file as it stands; '' where there is none. */
export function credentialsText({ home }: RealWorld): string {
  const file = join(home.directory, 'credentials.yaml');
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

/** Lets PostHog be as it is to be. */
export async function setPostHog(
  world: RealWorld,
  is: Extract<Step, { do: 'posthog' }>['is'],
): Promise<void> {
  const { posthog } = world.servers;
  if (world.posthog === 'down') await posthog.up();
  posthog.clearFaults();
  world.posthog = is;
  if (is === 'down') await posthog.down();
  if (is === 'refusing') posthog.fault({ kind: 'status', status: 401 }, Number.POSITIVE_INFINITY);
  if (is === 'throttling') posthog.fault({ kind: 'status', status: 503 }, Number.POSITIVE_INFINITY);
  if (is === 'losing answers') posthog.fault({ kind: 'lost-ack' }, Number.POSITIVE_INFINITY);
}

/** Where Arcade is asked whose credentials these are. */
export const WHOSE = /\/auth\/(?:validate|whoami)$/;

/** Lets Arcade be as it is to be; when it refuses, it refuses to say whose credentials these are. */
export async function setArcade(world: RealWorld, is: Extract<Step, { do: 'arcade' }>['is']): Promise<void> {
  const { arcade } = world.servers;
  if (world.arcade === 'down') await arcade.up();
  arcade.clearFaults();
  world.arcade = is;
  if (is === 'down') await arcade.down();
  if (is === 'refusing')
    arcade.fault({ path: WHOSE }, { kind: 'status', status: 401 }, Number.POSITIVE_INFINITY);
}
