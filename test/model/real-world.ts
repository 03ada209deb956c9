/** The machine of a history with real processes: a home, a stand-in for Arcade, and one for PostHog. */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { makePrivateDirectory } from '../../src/infra/os/files.ts';
import { openAsIs } from '../../src/infra/sqlite/database.ts';
import { type Arcade, startArcade } from '../support/arcade.ts';
import { shuffle } from '../support/posthog/project.ts';
import { type PostHog, startPostHog } from '../support/posthog.ts';
import { openSandbox, removeHome } from '../support/sandbox.ts';
import { actAsOther, type OtherStep } from './others.ts';
import { openRealSink } from './real-sink.ts';
import type { Login } from './steps.ts';
import { accountId, type Machine } from './world.ts';

export type RealWorld = Awaited<ReturnType<typeof openRealWorld>>;

/** The text of an API key; of both that an account has. */
export const keyOf = ({ who, via }: Login): string => `arc_${via.replace(' ', '_')}_of_${who}`;

/** Starts the servers and makes a home. */
export async function openRealWorld(seed: number) {
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
  /** Rows of the spool; none before the first command has made it. */
  const rows = <T>(sql: string, ...values: unknown[]): T[] => {
    if (!existsSync(path)) return [];
    const db = openAsIs(path, 5_000);
    try {
      return db.prepare(sql).all(...values) as T[];
    } finally {
      db.close();
    }
  };
  const statement = (sql: string) => ({
    get: (...values: unknown[]) => rows(sql, ...values)[0],
    all: (...values: unknown[]) => rows(sql, ...values),
  });
  const machine: Machine = {
    directory: home.directory,
    commands: { statement },
    file: null,
    posthog: 'up',
    arcade: 'up',
  };
  return {
    ...machine,
    home,
    servers: { arcade, posthog },
    sink: openRealSink(posthog),
    rows,
    async close(): Promise<void> {
      await Promise.all([arcade.close(), posthog.close()]);
      await removeHome(home);
    },
  };
}

/** Takes a step of others: the file and the servers become what it makes of them. */
export async function letOthersAct(world: RealWorld, step: OtherStep): Promise<void> {
  const { sink, servers, file, posthog, arcade } = world;
  actAsOther(world, sink, step);
  if (world.file !== file) writeCredentials(world);
  await become(servers.posthog, posthog, world.posthog);
  await become(servers.arcade, arcade, world.arcade);
  const status = { refusing: 401, throttling: 503 }[world.posthog as string];
  if (status !== undefined) servers.posthog.fault({ kind: 'status', status }, EVER);
  if (world.posthog === 'losing answers') servers.posthog.fault({ kind: 'lost-ack' }, EVER);
  // It refuses to say whose credentials these are.
  if (world.arcade === 'refusing')
    servers.arcade.fault({ path: WHOSE }, { kind: 'status', status: 401 }, EVER);
  await sink.settled();
}

const EVER = Number.POSITIVE_INFINITY;

async function become(server: Arcade | PostHog, was: string, is: string): Promise<void> {
  server.clearFaults();
  if (was === 'down' && is !== 'down') await server.up();
  if (was !== 'down' && is === 'down') await server.down();
}

function writeCredentials({ home, servers, file }: RealWorld): void {
  if (file === null) rmSync(join(home.directory, 'credentials.yaml'), { force: true });
  else if (file === 'corrupt') home.write('credentials.yaml', 'cloud: [');
  else if (file.via === 'oauth') {
    // As `arcade login` stores it, or it would be another login.
    const coordinatorUrl = servers.arcade.coordinator.url.replace('127.0.0.1', 'localhost');
    home.signIn(servers.arcade, servers.arcade.user(file.who), { coordinatorUrl });
  } else home.signInWithKey(keyOf(file), servers.arcade.coordinator.url);
}

/** The credentials file as it stands; '' where there is none. */
export function credentialsText({ home }: RealWorld): string {
  const file = join(home.directory, 'credentials.yaml');
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

/** Where Arcade is asked whose credentials these are. */
export const WHOSE = /\/auth\/(?:validate|whoami)$/;
