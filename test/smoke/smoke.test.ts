/** `npm run smoke` against the stand-ins, which it cannot tell from the real servers. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { keyOf } from '../support/arcade/accounts.ts';
import { type PostHog, startPostHog } from '../support/posthog.ts';
import { world } from '../support/world.ts';

const smoke = (env: Record<string, string> = {}) =>
  execa(process.execPath, ['--import', 'tsx', join(import.meta.dirname, 'smoke.ts')], {
    env: { PATH: process.env.PATH ?? '', ...env },
    extendEnv: false,
    reject: false,
  });

test('npm run smoke without keys says what it needs and ends with 2', async () => {
  const { exitCode, stdout, stderr } = await smoke();
  assert.deepEqual([exitCode, stdout], [2, '']);
  for (const name of ['ARCADE_API_KEY', 'ARCADE_POSTHOG_API_KEY', 'POSTHOG_PERSONAL_API_KEY'])
    assert.match(stderr, new RegExp(`\\b${name}\\b`));
});

test('with an API key it sets, lists and unsets a secret, and leaves nothing', async (t) => {
  const { arcade, user } = await world(t);
  const { exitCode, stdout } = await smoke({ ARCADE_URL: arcade.url, ARCADE_API_KEY: keyOf(user) });
  assert.equal(exitCode, 0, stdout);
  assert.match(stdout, /^ok {2}ARCADE_SMOKE_[0-9A-F]{12} is listed$/m);
  assert.match(stdout, /^Left on Arcade: nothing\.$/m);
  assert.match(stdout, /^Not tried: events/m);
  assert.deepEqual(arcade.secretsOf(user), []);
});

test('with a key that Arcade refuses it fails', async (t) => {
  const { arcade } = await world(t);
  const { exitCode, stdout } = await smoke({ ARCADE_URL: arcade.url, ARCADE_API_KEY: 'arc_wrong' });
  assert.equal(exitCode, 1);
  assert.match(stdout, /^FAILED: /m);
});

test('with PostHog keys it sends two events, reads them back and compares them', async (t) => {
  const { env, posthog } = await project(t);
  const { exitCode, stdout } = await smoke(env);
  assert.equal(exitCode, 0, stdout);
  assert.match(stdout, /^ok {2}both events are of one person$/m);
  assert.equal(stdout.match(/every property is as shown$/gm)?.length, 2);
  assert.match(stdout, /^Left in the project: one person with the ids \S+ and \S+, and 3 events\.$/m);
  assert.equal(posthog.persons().length, 1);
});

test('an event that PostHog shows otherwise than it was sent is a failure', async (t) => {
  const { env } = await project(t, (properties) => ({ ...properties, duration_ms: -1 }));
  const { exitCode, stdout } = await smoke(env);
  assert.equal(exitCode, 1);
  assert.match(stdout, /^FAILED: .*every property is as shown, but duration_ms$/m);
  assert.match(stdout, /^Left in the project: .* and 3 events\.$/m);
});

/** A PostHog project with the query API, as https://posthog.com/docs/api/queries shows its answers. */
async function project(
  t: TestContext,
  change: (properties: object) => object = (properties) => properties,
): Promise<{ posthog: PostHog; env: Record<string, string> }> {
  const posthog = await startPostHog();
  const api = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      const { query } = JSON.parse(body) as { query: { kind: string; query: string } };
      const isAllowed = request.headers.authorization === 'Bearer phx_personal';
      const isQuery = request.url === '/api/projects/7/query/' && query.kind === 'HogQLQuery';
      const results = posthog
        .stored()
        .filter(({ uuid }) => query.query.includes(`'${uuid}'`))
        .map(({ uuid, event, distinct_id, timestamp, properties, person_id }) => [
          uuid,
          event,
          distinct_id,
          timestamp,
          JSON.stringify(change(properties)),
          person_id,
        ]);
      response.writeHead(isAllowed && isQuery ? 200 : 401, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ columns: [], results, types: [], hasMore: false }));
    });
  });
  await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve));
  t.after(async () => {
    api.close();
    await posthog.close();
  });
  const env = {
    ARCADE_POSTHOG_API_KEY: 'phc_test',
    ARCADE_POSTHOG_HOST: posthog.url,
    POSTHOG_PERSONAL_API_KEY: 'phx_personal',
    POSTHOG_PROJECT_ID: '7',
    POSTHOG_API_HOST: `http://127.0.0.1:${(api.address() as AddressInfo).port}`,
  };
  return { posthog, env };
}
