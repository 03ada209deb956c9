/** `arcade org` and `arcade project`: see and switch where one works. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { contextOf, keyOf } from '../../support/arcade/accounts.ts';
import { UNTRACKED } from '../../support/cli.ts';
import { inside } from '../../support/inside.ts';
import { storedCredentials } from '../../support/login.ts';
import { world } from '../../support/world.ts';

test('`org list` marks the default organization and the active one', async (t) => {
  const { home, arcade, user } = await world(t);
  home.signIn(arcade, user);
  const ran = await inside(home, ['org', 'list']);
  assert.equal(ran.exitCode, 0, ran.stderr);
  const [title, headings, first, second] = ran.stdout.split('\n');
  assert.equal(title, 'Organizations');
  assert.match(headings ?? '', /^Name +ID +Default +Active$/);
  const [own, shared] = user.organizations;
  assert.match(first ?? '', new RegExp(`^${own?.name} +${own?.organization_id} +yes +yes$`));
  assert.match(second ?? '', new RegExp(`^Shared +${shared?.organization_id}$`));
  assert.deepEqual(JSON.parse((await inside(home, ['org', 'list', '--json'])).stdout), {
    organizations: [
      { id: own?.organization_id, name: own?.name, default: true, active: true },
      { id: shared?.organization_id, name: 'Shared', default: false, active: false },
    ],
  });
});

test('`org list` and `project list` cut no id on a terminal of 50 columns, where a row is shown as lines', async (t) => {
  const { home, arcade, user } = await world(t);
  home.signIn(arcade, user);
  const [own] = user.organizations;
  for (const [command, id] of [
    ['org', own?.organization_id],
    ['project', own?.projects[0]?.project_id],
  ] as const) {
    const { stdout } = await inside(home, [command, 'list'], { columns: 50, env: UNTRACKED });
    assert.match(stdout, new RegExp(`^ID +${id}$`, 'm'));
  }
});

test('`org set` switches to the default project of the organization too', async (t) => {
  const { home, arcade, user } = await world(t, { organizationIdField: 'org_id' });
  home.signIn(arcade, user);
  const shared = user.organizations[1];
  const [, production] = shared?.projects ?? [];
  const ran = await inside(home, ['org', 'set', shared?.organization_id ?? '']);
  assert.equal(ran.stdout, '✓ Switched to organization: Shared\n  Active project: Production\n');
  assert.deepEqual(storedCredentials(home).cloud.context, {
    org_id: shared?.organization_id,
    org_name: 'Shared',
    project_id: production?.project_id,
    project_name: 'Production',
  });
  const own = user.organizations[0];
  const json = await inside(home, ['org', 'set', own?.organization_id ?? '', '--json']);
  assert.deepEqual(JSON.parse(json.stdout), {
    organization: { id: own?.organization_id, name: own?.name },
    project: { id: own?.projects[1]?.project_id, name: 'Production' },
  });
});

test('`project list` and `project set` list and switch projects', async (t) => {
  const { home, arcade } = await world(t);
  const user = arcade.user('B');
  home.signIn(arcade, user);
  const [playground, production] = user.organizations[0]?.projects ?? [];
  assert.match((await inside(home, ['project', 'list'])).stdout, /Playground .*\nProduction .* yes +yes\n$/);
  assert.deepEqual(JSON.parse((await inside(home, ['project', 'list', '--json'])).stdout), {
    projects: [
      { id: playground?.project_id, name: 'Playground', default: false, active: false },
      { id: production?.project_id, name: 'Production', default: true, active: true },
    ],
  });
  const ran = await inside(home, ['project', 'set', playground?.project_id ?? '']);
  assert.deepEqual([ran.exitCode, ran.stdout], [0, '✓ Switched to project: Playground\n']);
  assert.equal(storedCredentials(home).cloud.context.project_id, playground?.project_id);
  const set = await inside(home, ['project', 'set', playground?.project_id ?? '', '--json']);
  assert.deepEqual(Object.keys(JSON.parse(set.stdout)), ['organization', 'project']);
});

test('`org set` and `project set` of an unknown id change nothing, exit 1 and say where the known ids are', async (t) => {
  const { home, arcade, user } = await world(t);
  home.signIn(arcade, user);
  const file = join(home.directory, 'credentials.yaml');
  const before = readFileSync(file, 'utf8');
  const org = await inside(home, ['org', 'set', 'nowhere']);
  assert.equal(org.exitCode, 1);
  assert.equal(
    org.stderr,
    "Error: Organization 'nowhere' not found or you don't have access.\nHint: Run `arcade org list` to see your organizations and their ids.\n",
  );
  const project = await inside(home, ['project', 'set', '../x']);
  assert.equal(project.exitCode, 1);
  assert.match(
    project.stderr,
    /^Error: Project '\.\.\/x' not found in organization 'A's organization'\.\nHint: Run `arcade project list`/,
  );
  assert.equal(readFileSync(file, 'utf8'), before);
  assert.equal((await inside(home, ['org', 'set'])).exitCode, 2);
});

test('`org set` keeps the fields of credentials.yaml that it does not know', async (t) => {
  const { home, arcade, user } = await world(t);
  const context = { ...contextOf(user), region: 'eu' };
  const cloud = {
    auth: { ...arcade.issueTokens(user), scope: 's' },
    coordinator_url: arcade.coordinator.url,
    context,
  };
  home.write('credentials.yaml', JSON.stringify({ extra: [1, { two: null }], cloud }));
  const id = user.organizations[0]?.projects[0]?.project_id ?? '';
  assert.equal((await inside(home, ['project', 'set', id])).exitCode, 0);
  const stored = storedCredentials(home);
  assert.deepEqual(stored.extra, [1, { two: null }]);
  assert.deepEqual(stored.cloud, {
    ...cloud,
    context: { ...context, project_id: id, project_name: 'Playground' },
  });
});

test('`org` and `project` say what to do with an API key, no login, no active project, or a rejection', async (t) => {
  const { home, arcade, user } = await world(t);
  const coordinatorUrl = arcade.coordinator.url;
  assert.match((await inside(home, ['org', 'list'])).stderr, /Not logged in/);
  home.signInWithKey(keyOf(user), coordinatorUrl);
  assert.match(
    (await inside(home, ['project', 'list'])).stderr,
    /an API key belongs to a single project\.\nHint: Run `arcade login --force`/,
  );
  home.signIn(arcade, user, { context: null });
  assert.match((await inside(home, ['project', 'list'])).stderr, /No active organization\/project\.\nHint: /);
  const other = { ...contextOf(arcade.user('B')) };
  home.signIn(arcade, user, { context: other });
  const refused = await inside(home, ['project', 'list']);
  assert.equal(refused.exitCode, 1);
  assert.match(refused.stderr, /denied permission \(403\)/);
});

test('`org` takes the options of the coordinator before or after the subcommand', async (t) => {
  const { home, arcade, user } = await world(t);
  home.signIn(arcade, user, { coordinatorUrl: 'http://localhost:1' });
  const [host, port] = ['localhost', String(arcade.coordinator.port)];
  for (const args of [
    ['org', '-h', host, '-p', port, 'list'],
    ['org', 'list', '--host', host, '--port', port, '--no-tls'],
    ['project', '--host', arcade.coordinator.url, 'list'],
  ]) {
    const ran = await inside(home, args);
    assert.equal(ran.exitCode, 0, `${args}: ${ran.stderr}`);
  }
  const help = await inside(home, ['org', '-h']);
  assert.equal(help.exitCode, 0);
  assert.match(help.stdout, /org set/);
});
