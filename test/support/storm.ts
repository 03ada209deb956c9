/** Many writers and their flushers at once, killed at random: what PostHog has in the end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { build } from 'esbuild';
import { arcade } from './cli.ts';
import { accountOf, FLUSHER_PROGRAM, flushersOf } from './flusher.ts';
import { type PostHog, startPostHog } from './posthog.ts';
import { MIGRATIONS, makeSpool, unaccounted } from './queue.ts';
import { openSandbox, removeHome, type Sandbox } from './sandbox.ts';
import { until } from './until.ts';

export interface Storm {
  readonly writers: number;
  readonly eventsEach: number;
  readonly kills: number;
  /** How long the server takes to answer. */
  readonly latencyMs: number;
}

export interface Aftermath {
  readonly killedWriters: number;
  readonly killedFlushers: number;
  readonly recorded: number;
  /** At PostHog, after its deduplication, and different uuids among them. */
  readonly stored: number;
  readonly distinct: number;
  /** Copies on the wire beyond the first. */
  readonly copies: number;
  readonly unaccounted: number;
}

/** Lets it rage, waits until all is delivered, and counts. */
export async function rage(storm: Storm): Promise<Aftermath> {
  const home = openSandbox();
  const posthog = await startPostHog({ latencyMs: storm.latencyMs });
  try {
    const spool = makeSpool(home.directory);
    spool.statement('CREATE TABLE storm (event INTEGER PRIMARY KEY, writer INTEGER)').run();
    spool.statement('CREATE INDEX storm_writer ON storm (writer)').run();
    // In the transaction that records an event: a writer that is killed goes on exactly after it.
    spool
      .statement(
        `CREATE TRIGGER storm_noted AFTER INSERT ON record BEGIN
           INSERT INTO storm (event, writer) VALUES (NEW.id, json_extract(NEW.properties, '$.duration_ms')); END`,
      )
      .run();
    const killed = await write(storm, home, posthog);
    const total = storm.writers * storm.eventsEach;
    const env = {
      ARCADE_POSTHOG_HOST: posthog.url,
      ARCADE_POSTHOG_API_KEY: 'phc_storm',
      ARCADE_USAGE_MAX_RECORDS: '1000000',
    };
    await until(
      async () => {
        await arcade(home, ['usage', 'flush', '--timeout', '60'], { env });
        return accountOf(home).pending === 0 && flushersOf(home).length === 0;
      },
      { what: 'everything to be delivered', timeoutMs: 120_000 },
    );
    const stored = posthog.stored();
    const missing = unaccounted(spool);
    spool.close();
    return {
      ...killed,
      recorded: accountOf(home).recorded,
      stored: stored.length,
      distinct: new Set(stored.map(({ uuid }) => uuid)).size,
      copies: posthog.duplicates(),
      unaccounted: missing + (accountOf(home).recorded - total),
    };
  } finally {
    await posthog.close();
    await removeHome(home);
  }
}

/** Runs the writers to their end, killing one of them or a flusher at each of the kill points. */
async function write(
  { writers, eventsEach, kills }: Storm,
  home: Sandbox,
  posthog: PostHog,
): Promise<{ killedWriters: number; killedFlushers: number }> {
  const script = await bundleWriter();
  const alive = new Map<number, ChildProcess>();
  const failures: string[] = [];
  const start = (writer: number): void => {
    const words = [home.directory, `${writer}`, `${eventsEach}`, posthog.url, FLUSHER_PROGRAM, MIGRATIONS];
    const child = spawn(process.execPath, [script, ...words], { stdio: ['ignore', 'ignore', 'inherit'] });
    alive.set(writer, child);
    child.once('exit', (code, signal) => {
      if (signal === 'SIGKILL') start(writer);
      else alive.delete(writer);
      if (signal === null && code !== 0) failures.push(`writer ${writer} ended with ${code}`);
    });
  };
  for (let writer = 0; writer < writers; writer += 1) start(writer);
  const killed = { killedWriters: 0, killedFlushers: 0 };
  const total = writers * eventsEach;
  for (let kill = 0; kill < kills; kill += 1) {
    const point = ((kill + Math.random()) / kills) * total * 0.95;
    await until(() => accountOf(home).recorded >= point || alive.size === 0, {
      what: `${point} events`,
      timeoutMs: 300_000,
    });
    // Flushers and writers in turn; a flusher may have to be waited for.
    if (kill % 2 === 0) {
      const pid = await until(() => flushersOf(home)[0] ?? (alive.size === 0 ? -1 : undefined), {
        what: 'a flusher',
        timeoutMs: 60_000,
      });
      if (pid > 0 && killQuietly(pid)) killed.killedFlushers += 1;
    } else {
      const victims = [...alive.values()];
      const victim = victims[Math.floor(Math.random() * victims.length)];
      if (victim?.kill('SIGKILL')) killed.killedWriters += 1;
    }
  }
  await until(() => alive.size === 0, { what: 'the writers to finish', timeoutMs: 300_000 });
  if (failures.length > 0) throw new Error(failures.join(', '));
  return killed;
}

function killQuietly(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    return false; // It has just ended by itself.
  }
}

/** From source every one of 64 processes would compile the project anew. */
async function bundleWriter(): Promise<string> {
  const outfile = join(
    import.meta.dirname,
    '..',
    '..',
    'node_modules',
    '.cache',
    'arcade',
    'storm-writer.js',
  );
  await build({
    entryPoints: [join(import.meta.dirname, 'storm-writer.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['better-sqlite3'],
    banner: { js: 'import{createRequire as $r}from"node:module";const require=$r(import.meta.url);' },
    logLevel: 'warning',
  });
  return outfile;
}
