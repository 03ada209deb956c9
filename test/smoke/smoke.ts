/**
 * `npm run smoke`: the built program against the real servers, for a maintainer with keys. Each half is tried with its
 * keys alone. Everything happens in throwaway homes, under names of its own; what stays on the servers is said.
 */
import { randomBytes } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { keyOf } from '../support/arcade/accounts.ts';
import { startArcade } from '../support/arcade.ts';
import { arcade } from '../support/cli.ts';
import { openSandbox, removeHome, type Sandbox } from '../support/sandbox.ts';
import { until } from '../support/until.ts';

const NEEDS = `npm run smoke needs keys of the real servers:
  ARCADE_API_KEY            sets, lists and unsets one secret (ARCADE_URL for another server than Arcade's own)
  ARCADE_POSTHOG_API_KEY    sends one anonymous and one linked event to that project (ARCADE_POSTHOG_HOST for another host)
    with POSTHOG_PERSONAL_API_KEY (scope query:read) and POSTHOG_PROJECT_ID it also reads them back
    (POSTHOG_API_HOST, by default https://us.posthog.com)
`;
/** PostHog shows an event some seconds after it has taken it. */
const INGESTION_MS = 180_000;

type Environment = Readonly<Record<string, string | undefined>>;

class Failed extends Error {}

/** Resolves to the exit code: 0 all that could be tried held, 1 something did not, 2 there are no keys. */
async function smoke(env: Environment): Promise<number> {
  const withArcade = isGiven(env.ARCADE_API_KEY);
  const withPostHog = isGiven(env.ARCADE_POSTHOG_API_KEY);
  if (!withArcade && !withPostHog) {
    process.stderr.write(NEEDS);
    return 2;
  }
  try {
    if (withArcade) await secrets(env);
    else say('Not tried: secrets (ARCADE_API_KEY is not set).');
    if (withPostHog) await events(env);
    else say('Not tried: events (ARCADE_POSTHOG_API_KEY is not set).');
    return 0;
  } catch (error) {
    if (!(error instanceof Failed)) throw error;
    say(`FAILED: ${error.message}`);
    return 1;
  }
}

const isGiven = (value: string | undefined): value is string => (value ?? '').trim() !== '';
const say = (line: string): void => void process.stdout.write(`${line}\n`);

function check(holds: boolean, what: string): void {
  if (!holds) throw new Failed(what);
  say(`ok  ${what}`);
}

async function inThrowawayHome(work: (home: Sandbox) => Promise<void>): Promise<void> {
  const home = openSandbox();
  try {
    await work(home);
  } finally {
    await removeHome(home);
  }
}

async function secrets({
  ARCADE_API_KEY,
  ARCADE_URL,
  NODE_EXTRA_CA_CERTS,
  HTTPS_PROXY,
}: Environment): Promise<void> {
  const name = `ARCADE_SMOKE_${randomBytes(6).toString('hex').toUpperCase()}`;
  const value = randomBytes(24).toString('base64');
  const env = { ARCADE_API_KEY, ARCADE_URL, NODE_EXTRA_CA_CERTS, HTTPS_PROXY, ARCADE_USAGE_TRACKING: '0' };
  await inThrowawayHome(async (home) => {
    const run = async (words: readonly string[], input?: string): Promise<string> => {
      const ran = await arcade(home, words, input === undefined ? { env } : { env, input });
      check(ran.exitCode === 0, `arcade ${words.join(' ')}${ran.exitCode === 0 ? '' : `\n${ran.stderr}`}`);
      return ran.stdout;
    };
    const listed = async (): Promise<boolean> => {
      const { secrets } = JSON.parse(await run(['secret', 'list', '--json'])) as {
        secrets: { key: string }[];
      };
      return secrets.some(({ key }) => key === name);
    };
    try {
      await run(['secret', 'set', name, '--stdin'], value);
      check(await listed(), `${name} is listed`);
    } catch (error) {
      say(`${name} may be left: arcade secret unset ${name}`);
      throw error;
    }
    await run(['secret', 'unset', name]);
    check(!(await listed()), `${name} is listed no more`);
  });
  say('Left on Arcade: nothing.');
}

interface Payload {
  readonly uuid: string;
  readonly event: string;
  readonly distinct_id: string;
  readonly timestamp: string;
  readonly properties: Readonly<Record<string, unknown>>;
}

async function events(env: Environment): Promise<void> {
  const { ARCADE_POSTHOG_API_KEY, ARCADE_POSTHOG_HOST, NODE_EXTRA_CA_CERTS, HTTPS_PROXY } = env;
  const account = await startArcade();
  try {
    await inThrowawayHome(async (home) => {
      const posthog = { ARCADE_POSTHOG_API_KEY, ARCADE_POSTHOG_HOST, NODE_EXTRA_CA_CERTS, HTTPS_PROXY };
      // The account is one of a stand-in on this machine: no person of the project is touched.
      const signedIn = { ...posthog, ARCADE_URL: account.url, ARCADE_API_KEY: keyOf(account.user('A')) };
      await arcade(home, ['whoami'], { env: posthog });
      await arcade(home, ['secret', 'list'], { env: signedIn });
      const flushed = await arcade(home, ['usage', 'flush', '--json', '--timeout', '30'], { env: signedIn });
      const { pending, quarantined } = JSON.parse(flushed.stdout) as { pending: number; quarantined: number };
      check(pending === 0 && quarantined === 0, `PostHog has accepted everything: ${flushed.stdout.trim()}`);
      const payloads = await sentEvents(home, signedIn);
      const ids = [...new Set(payloads.map(({ distinct_id }) => distinct_id))];
      say(
        `Left in the project: one person with the ids ${ids.join(' and ')}, and ${payloads.length} events.`,
      );
      const captures = payloads.filter(({ event }) => event !== '$create_alias');
      check(
        captures.length === 2 && payloads.length === 3,
        'one anonymous event, one linked event and their alias',
      );
      await readBack(payloads, env);
    });
  } finally {
    await account.close();
  }
}

/** What `usage show` says was sent. */
async function sentEvents(home: Sandbox, env: Environment): Promise<Payload[]> {
  const { stdout } = await arcade(home, ['usage', 'list', '--json'], { env });
  const { records } = JSON.parse(stdout) as { records: { id: number }[] };
  const payloads: Payload[] = [];
  for (const { id } of records) {
    const shown = await arcade(home, ['usage', 'show', String(id), '--json'], { env });
    payloads.push((JSON.parse(shown.stdout) as { payload: Payload }).payload);
  }
  return payloads;
}

type Row = readonly [
  uuid: string,
  event: string,
  distinctId: string,
  timestamp: string,
  properties: unknown,
  person: string,
];

/** Compares what PostHog has with what was shown; PostHog adds properties of its own and changes none of ours. */
async function readBack(payloads: readonly Payload[], env: Environment): Promise<void> {
  const { POSTHOG_PERSONAL_API_KEY: key, POSTHOG_PROJECT_ID: project } = env;
  if (!isGiven(key) || !isGiven(project)) {
    say('Not tried: reading back (POSTHOG_PERSONAL_API_KEY and POSTHOG_PROJECT_ID are not both set).');
    return;
  }
  const host = (isGiven(env.POSTHOG_API_HOST) ? env.POSTHOG_API_HOST : 'https://us.posthog.com').replace(
    /\/+$/,
    '',
  );
  const captures = payloads.filter(({ event }) => event !== '$create_alias');
  const rows = await until(
    async () => {
      const found = await query(`${host}/api/projects/${project}/query/`, key, captures);
      return found.length >= captures.length ? found : undefined;
    },
    { timeoutMs: INGESTION_MS, what: 'PostHog to show the events' },
  );
  check(rows.length === captures.length, 'each event is there once');
  for (const payload of captures) {
    const row = rows.find(([uuid]) => uuid === payload.uuid);
    if (row === undefined) throw new Failed(`${payload.uuid} is not there`);
    const [, event, distinctId, timestamp, stored] = row;
    const properties = (typeof stored === 'string' ? JSON.parse(stored) : stored) as Record<string, unknown>;
    const name = `${payload.event} of ${payload.distinct_id}`;
    check(
      event === payload.event && distinctId === payload.distinct_id,
      `${name}: event and id are as shown`,
    );
    check(Date.parse(timestamp) === Date.parse(payload.timestamp), `${name}: its time is as shown`);
    const changed = Object.entries(payload.properties)
      .filter(([property, value]) => !isConsumed(property) && !isDeepStrictEqual(properties[property], value))
      .map(([property]) => property);
    check(
      changed.length === 0,
      `${name}: every property is as shown${changed.length ? `, but ${changed}` : ''}`,
    );
  }
  check(new Set(rows.map((row) => row[5])).size === 1, 'both events are of one person');
}

/** What PostHog reads and need not keep (its ingestion drops `$ignore_sent_at` and decides about persons by the other). */
const isConsumed = (property: string): boolean =>
  property === '$ignore_sent_at' || property === '$process_person_profile';

/** https://posthog.com/docs/api/queries */
async function query(url: string, key: string, payloads: readonly Payload[]): Promise<readonly Row[]> {
  const uuids = payloads.map(({ uuid }) => `'${uuid}'`).join(', ');
  const sql = `SELECT toString(uuid), event, distinct_id, toString(timestamp), properties, toString(person_id) FROM events WHERE uuid IN (${uuids})`;
  const answer = await fetch(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ query: { kind: 'HogQLQuery', query: sql } }),
  });
  if (!answer.ok) throw new Failed(`PostHog's query API answers ${answer.status}`);
  return ((await answer.json()) as { results: Row[] }).results;
}

process.exitCode = await smoke(process.env);
