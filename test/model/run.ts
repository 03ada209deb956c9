/** One run of a history, and what its processes have in common. */
import { isDeepStrictEqual } from 'node:util';
import { stampOf } from '../../src/usage/spool/usage-json.ts';
import type { Oracle } from './oracle.ts';
import type { Sink } from './sink.ts';
import type { Step } from './steps.ts';
import { glimpse, identityIn, sharedPath, understood, type World } from './world.ts';

export interface Run {
  readonly world: World;
  readonly sink: Sink;
  readonly oracle: Oracle;
  readonly counts: Map<string, number>;
  readonly random: () => number;
  /** Takes one step. */
  readonly act: (step: Step) => Promise<void>;
  events: number;
  /** The events that wait in files. */
  readonly spilled: Set<number>;
}

/** Counts what happened. */
export function count({ counts }: Run, what: string): void {
  counts.set(what, (counts.get(what) ?? 0) + 1);
}

/** A transaction has been committed: tells what it has read and written of usage.json, and who events are sent as now. */
export function committed({ world, oracle, sink, spilled }: Run, before: Moment): void {
  const after = momentOf(world);
  const hasWritten = after.inode !== before.inode && after.stamp === after.sharedStamp;
  if (!hasWritten && after.stamp !== before.stamp) oracle.follows(before.text);
  oracle.became(identityIn(world));
  for (const label of spilled) {
    if (!isRecorded(world, label)) continue;
    spilled.delete(label);
    oracle.takenIn(label);
  }
  const aliases = `SELECT uuid FROM record WHERE kind = 'alias' AND state = 'pending'`;
  for (const { uuid } of world.commands.statement(aliases).all() as { uuid: string }[])
    sink.aliasRecorded(uuid);
  if (hasWritten && after.text !== '') {
    oracle.exported(after.text);
    if (!isDeepStrictEqual(understood(after.text), identityIn(world)))
      oracle.violations.push('usage.json was written and says another than the database');
    world.texts.push(after.text);
  }
}

/** usage.json, and what the spool says of it. */
export interface Moment {
  readonly text: string;
  readonly inode: bigint;
  readonly sharedStamp: string | null;
  /** What it was when we read or wrote it last. */
  readonly stamp: string | null;
}

/** As things stand. */
export function momentOf(world: World): Moment {
  const sql = 'SELECT export_stamp FROM installation';
  const { export_stamp: stamp } = world.commands.statement(sql).get() as { export_stamp: string | null };
  return { ...glimpse(world), sharedStamp: stampOf(sharedPath(world)), stamp };
}

/** Whether the spool has an event. */
export function isRecorded({ commands }: World, label: number): boolean {
  const sql = `SELECT 1 FROM record WHERE json_extract(properties, '$.device_start_timestamp') = ?`;
  return commands.statement(sql).get(label) !== undefined;
}
