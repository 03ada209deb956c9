/**
 * What is no process of ours: a person at the credentials file, the servers, and the newest Python CLI, as far as it
 * reads and writes usage.json and links accounts.
 */
import { randomUUID } from 'node:crypto';
import type { Sink } from './sink.ts';
import type { Login, Step, StepOf, Who } from './steps.ts';
import { accountId, glimpse, type Machine, type SharedFile, understood, writeShared } from './world.ts';

type Aliases = Pick<Sink, 'aliasByOther' | 'linkedByOther' | 'accountsWith'>;

/** Takes a step that is none of our processes', nor the machine's own. */
export function actAsOther(world: Machine, sink: Aliases, step: OtherStep): void {
  switch (step.do) {
    case 'replace':
      world.file = step.as;
      break;
    case 'remove':
      world.file = null;
      break;
    case 'corrupt':
      world.file = 'corrupt';
      break;
    case 'posthog':
      world.posthog = step.is;
      break;
    case 'arcade':
      world.arcade = step.is;
      break;
    case 'python command':
      pythonCommand(world, sink);
      break;
    case 'python login':
      pythonLogin(world, sink, step.as);
      break;
    case 'python logout':
      pythonLogout(world);
      break;
    case 'python starts afresh':
      pythonStartsAfresh(world, sink, step.as);
      break;
  }
}

export type OtherStep = StepOf<
  'replace' | 'remove' | 'corrupt' | 'posthog' | 'arcade' | (`python ${string}` & Step['do'])
>;

/** A command of it: whoever is signed in by file is linked, if the file says that nobody is. */
function pythonCommand(world: Machine, sink: Aliases): void {
  const shared = load(world);
  if (world.file === null || world.file === 'corrupt' || world.arcade !== 'up') return;
  if (shared.linked === null) link(world, sink, shared, world.file.who);
}

/** It signs somebody in, after a logout if another account was linked. */
function pythonLogin(world: Machine, sink: Aliases, login: Login): void {
  const { linked } = load(world);
  if (linked !== null && linked !== login.who) pythonLogout(world);
  world.file = login;
  pythonCommand(world, sink);
}

/** It forgets the credentials, and starts afresh if anybody was linked. */
function pythonLogout(world: Machine): void {
  world.file = null;
  if (load(world).linked !== null) write(world, { anonId: randomUUID(), linked: null });
}

/** It makes a new usage.json, and links it to an account whose credentials were there for a moment. */
function pythonStartsAfresh(world: Machine, sink: Aliases, login: Login | null): void {
  const made = { anonId: randomUUID(), linked: null };
  write(world, made);
  if (login !== null) link(world, sink, made, login.who);
}

/** A link is stored whether or not its alias arrives, and the alias goes in the direction that may be refused. */
function link(world: Machine, sink: Aliases, { anonId }: SharedFile, who: Who): void {
  if (isLinkedElsewhere(world, sink, anonId, who)) return;
  if (world.posthog === 'up') sink.aliasByOther(anonId, who);
  sink.linkedByOther(anonId, who);
  write(world, { anonId, linked: who });
}

/** From an old usage.json it would join two accounts, and nothing on this machine could keep it from that. */
function isLinkedElsewhere(world: Machine, sink: Aliases, anonId: string, who: Who): boolean {
  const sql = 'SELECT principal_id FROM identity WHERE anon_id = ? AND principal_id IS NOT NULL';
  const ours = world.commands.statement(sql).all(anonId) as { principal_id: string }[];
  const linked = [...ours.map((row) => row.principal_id), ...sink.accountsWith(anonId).map(accountId)];
  return linked.some((id) => id !== accountId(who));
}

function load(world: Machine): SharedFile {
  const found = understood(glimpse(world).text);
  if (found !== null) return found;
  const made = { anonId: randomUUID(), linked: null };
  write(world, made);
  return made;
}

function write(world: Machine, { anonId, linked }: SharedFile): void {
  const content = { anon_id: anonId, linked_principal_id: linked === null ? null : accountId(linked) };
  writeShared(world, JSON.stringify(content, null, 2));
}
