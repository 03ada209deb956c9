/** What an event can hold. The `@ts-expect-error` lines are checks too: `npm run check` fails when one type-checks. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PROPERTIES } from '../../../.ci/event-properties.ts';
import { RECORDED_MESSAGES, UserError } from '../../../src/errors.ts';
import type { Entry } from '../../../src/usage/append/append.ts';
import {
  type CommandName,
  type EventProperties,
  type Execution,
  isDistinctId,
  recordedId,
  UsageEvent,
} from '../../../src/usage/event/event.ts';
import { machineOf } from '../../../src/usage/event/machine.ts';

const machine = machineOf();
const execution = (more: Partial<Execution> = {}): Execution => ({
  command: 'secret.set' as CommandName,
  failure: null,
  startedAt: 1,
  endedAt: 1.25,
  context: null,
  ...more,
});
const propertiesOf = (more: Partial<Execution> = {}): Record<string, unknown> =>
  JSON.parse(UsageEvent.of(execution(more), machine).toText());

/** Stands for whatever a person typed, a server sent, or an error says. */
const text = String(process.argv[0]);
const error = new UserError('NOT_FOUND', `There is no ${text}.`);

/** Never called: it is for the compiler. */
export const freeText = (properties: EventProperties): readonly EventProperties[] => [
  // @ts-expect-error: text where the command's name is to be
  { ...properties, command_name: text },
  // @ts-expect-error: an argument beside the command's name
  { ...properties, command_name: `secret.${text}` },
  // @ts-expect-error: text as a version
  { ...properties, cli_version: text },
  // @ts-expect-error: text as Node's version
  { ...properties, runtime_version: text },
  // @ts-expect-error: a fixed text is not the machine's either
  { ...properties, os_type: 'my host' },
  // @ts-expect-error: text as the system's release
  { ...properties, os_release: text },
  // @ts-expect-error: an organization's name where its id is to be
  { ...properties, org_id: text },
  // @ts-expect-error: a project's name where its id is to be
  { ...properties, project_id: text },
  // @ts-expect-error: a code that is not in the catalogue
  { ...properties, error_code: text },
  // @ts-expect-error: what the person sees
  { ...properties, error_message: error.message },
  // @ts-expect-error: a stack
  { ...properties, error_message: error.stack },
  // @ts-expect-error: a number as text
  { ...properties, duration_ms: text },
  // @ts-expect-error: a property that is not in the catalogue
  { ...properties, hostname: text },
];

/** Likewise: what is recorded is an event, and nothing that looks like one. */
export const lookalikes: readonly ((event: UsageEvent) => Entry['event'])[] = [
  // @ts-expect-error: a copy
  (event) => ({ ...event }),
  // @ts-expect-error: a copy with more in it
  (event) => ({ ...event, ...{ hostname: text, stack: error.stack } }),
  // @ts-expect-error: something else that tells its text
  ({ name, command }) => ({ name, command, toText: () => text }),
];

// @ts-expect-error: one with properties of its own
export const made = (): UsageEvent => new UsageEvent('CLI execution failed', { hostname: text });

export const endings: readonly Partial<Execution>[] = [
  // @ts-expect-error: a command is one of a closed list
  { command: text },
  // @ts-expect-error: a failure is a code and not an error
  { failure: error },
  // @ts-expect-error: nor its message
  { failure: error.message },
];

test('an event holds nothing but the properties of the catalogue', () => {
  const id = 'a6e40bc0-9624-42b8-83bf-0fa3b9eed9d7';
  const all = propertiesOf({ failure: 'NOT_FOUND', context: { orgId: id, projectId: id } });
  assert.deepEqual(Object.keys(all), Object.keys(PROPERTIES));
  assert.deepEqual(all, {
    command_name: 'secret.set',
    cli_version: machine.cli_version,
    runtime_language: 'node',
    runtime_version: process.versions.node,
    os_type: machine.os_type,
    os_release: machine.os_release,
    duration_ms: 250,
    device_start_timestamp: 1,
    device_end_timestamp: 1.25,
    org_id: id,
    project_id: id,
    error_code: 'NOT_FOUND',
    error_message: RECORDED_MESSAGES.NOT_FOUND,
  });
  const { org_id: _, project_id: __, error_code: ___, error_message: ____, ...rest } = all;
  assert.deepEqual(propertiesOf(), rest, 'one that succeeds without an account has no more');
});

test('a text is an event again if an event has these properties, and else none', () => {
  const id = 'a6e40bc0-9624-42b8-83bf-0fa3b9eed9d7';
  const context = { orgId: id, projectId: id };
  for (const more of [{}, { failure: 'NOT_FOUND' as const }, { context }]) {
    const event = UsageEvent.of(execution(more), machine);
    assert.deepEqual(UsageEvent.revive(event.toText())?.toText(), event.toText());
    assert.equal(UsageEvent.revive(event.toText())?.name, event.name);
  }
  const sound = propertiesOf({ failure: 'NOT_FOUND', context });
  const forged = [
    ...[
      { command_name: '/home/ana' },
      { os_release: 'x'.repeat(101) },
      { cli_version: 7 },
      { path: '/home' },
    ],
    ...[
      { duration_ms: 7 },
      { device_start_timestamp: '1' },
      { org_id: 'Acme Inc.' },
      { runtime_language: 'x' },
    ],
    ...[{ error_message: text }, { error_code: text }],
  ];
  for (const more of forged)
    assert.equal(UsageEvent.revive(JSON.stringify({ ...sound, ...more })), undefined, JSON.stringify(more));
  for (const other of ['', '{', '[]', 'null', undefined]) assert.equal(UsageEvent.revive(other), undefined);
});

test('an id that does not look like one stays out', () => {
  const good = 'a6e40bc0-9624-42b8-83bf-0fa3b9eed9d7';
  const bad = ['', 'Acme Inc.', 'me@example.com', '../x', 'ä', 'a\n', '\u202e', 'x'.repeat(65), 'https://x'];
  for (const id of bad) {
    const context = { orgId: id, projectId: good };
    const made = propertiesOf({ context });
    assert.deepEqual([made.org_id, made.project_id], [undefined, good]);
    const turned = { orgId: good, projectId: id };
    assert.equal(propertiesOf({ context: turned }).project_id, undefined);
  }
});

test('an id is no text: it holds neither white space nor controls', () => {
  for (const id of ['5f0c', 'user|5f0c', 'ana@example.test', 'é', 'x'.repeat(200)])
    assert.ok(isDistinctId(id), id);
  const texts = [
    '',
    ' ',
    ' a',
    'a ',
    'Ana of Example',
    'a\tb',
    'a\nb',
    'a\u00a0b',
    'a\u3000b',
    'a\u2028b',
    'a\u0000b',
  ];
  for (const text of [...texts, 'a\u009bb', 'a\ud800', 'x'.repeat(201), 'NULL', "'none'", '[object Object]'])
    assert.equal(isDistinctId(text), false, JSON.stringify(text));
  for (const address of ['https://me:pw@host/path', '/home/me', 'C:\\Users'])
    assert.equal(isDistinctId(address), false, address);
});

test('an id that is an e-mail address, a host or a URL is recorded as a hash by the installation’s key', () => {
  for (const id of [
    'alice@example.com',
    'arcade.example.com',
    '10.0.0.1',
    'localhost:8000',
    'fe80::1',
    'https://arcade.example.com/users/7',
    'C:\\Users\\alice',
    `${'a'.repeat(300)}@example.com`,
  ]) {
    const recorded = recordedId(id, 'key');
    assert.match(recorded ?? '', /^[\w-]{43}$/, id);
    assert.equal(recordedId(id, 'key'), recorded, 'its events belong together');
    assert.notEqual(recordedId(id, 'another key'), recorded);
    assert.equal(recordedId(recorded, 'key'), recorded);
  }
  for (const id of [
    '5f0c8a52-6f3e-4b0c-9a55-0d7c1a2b3c4d',
    'auth0|5f7c8ec7c33c6c004bbafe82',
    'acct_1',
    'user:a',
  ])
    assert.equal(recordedId(id, 'key'), id);
  for (const id of [null, 7, '', 'Ana of Example', 'a@b c', 'null'])
    assert.equal(recordedId(id, 'key'), null);
});
