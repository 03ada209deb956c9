/** The model: thought-out, random and interrupted histories, each judged by the oracle of who owns which event. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomStories, runCampaign, SCENE_STORIES, tell } from './campaign.ts';
import { CORPUS } from './corpus.ts';
import { runHistory } from './history.ts';
import {
  A,
  B,
  B1,
  command,
  drain,
  login,
  logout,
  pythonLogin,
  pythonStartsAfresh,
  remove,
  replace,
  type Step,
} from './steps.ts';

for (const [what, steps] of Object.entries(CORPUS)) {
  test(`every event is with its owner: ${what}`, async () => {
    assert.deepEqual((await runHistory(steps, 1)).violations, []);
  });
}

test('every event is with its owner in every scene; together they take every edge of the state machine', async () => {
  const { failure, missedEdges } = await runCampaign(SCENE_STORIES);
  assert.equal(await tell(failure), '');
  assert.deepEqual(missedEdges, []);
});

// `npm run test:model` runs thousands.
test('every event is with its owner in random histories', async () => {
  const { failure } = await runCampaign(randomStories(1, 20));
  assert.equal(await tell(failure), '');
});

/** What dies at each of its statements, commits and requests in turn. */
const deaths: Readonly<Record<string, (kill: number) => readonly Step[]>> = {
  'a first command': (kill) => [command({ kill }), login(A)],
  'a login': (kill) => [command(), login(A, { kill })],
  'a login after the other program has linked': (kill) => [command(), pythonLogin(B), login(A, { kill })],
  'a command after the other program has rotated': (kill) => [
    ...[command(), pythonStartsAfresh(B), command({ kill }), login(A)],
  ],
  'a logout': (kill) => [login(A), command(), logout({ kill }), command(), replace(B1)],
  'a switch of accounts': (kill) => [login(A), replace(B1), command({ kill }), command()],
  'a drain that links': (kill) => [command(), replace(B1), command(), drain({ kill })],
  'a drain that gives events up': (kill) => [
    ...[replace(B1), command(), remove, drain({ kill }), command(), login(A)],
  ],
  'a drain whose answers get lost': (kill) => [
    ...[command(), login(A), { do: 'posthog', is: 'losing answers' } as const, drain({ kill })],
  ],
};

for (const [what, story] of Object.entries(deaths)) {
  test(`wherever ${what} is killed, every event is with its owner`, async () => {
    let killed = true;
    let moments = 0;
    for (let kill = 1; killed; kill += 1) {
      const { violations, counts } = await runHistory(story(kill), kill);
      killed = counts.has('a command killed') || counts.has('a flusher killed');
      assert.deepEqual(violations, [], `killed at its step ${kill}`);
      moments = kill;
    }
    assert.ok(moments > 10, 'it has as many moments as that');
  });
}
