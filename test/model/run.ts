/** One run of a history, and what its processes have in common. */
import type { Oracle } from './oracle.ts';
import type { Sink } from './sink.ts';
import type { Step } from './steps.ts';
import type { World } from './world.ts';

export interface Run {
  readonly world: World;
  readonly sink: Sink;
  readonly oracle: Oracle;
  readonly counts: Map<string, number>;
  readonly random: () => number;
  /** Takes one step. */
  readonly act: (step: Step) => Promise<void>;
  events: number;
}

/** Counts what happened. */
export function count({ counts }: Run, what: string): void {
  counts.set(what, (counts.get(what) ?? 0) + 1);
}

/** Notes the aliases that there are by now. After a crash, or with others about, nobody can tell what was known. */
export function noteAliases({ world, sink, counts }: Run, step: Step): void {
  const disturbed = 'meanwhile' in step || counts.has('a command killed') || counts.has('a flusher killed');
  const sql = `SELECT uuid FROM record WHERE kind = 'alias' AND state = 'pending'`;
  for (const { uuid } of world.commands.statement(sql).all() as { uuid: string }[]) {
    sink.aliasRecorded(uuid, disturbed);
  }
}

/** usage.json was written by us. */
export function wrote({ world, oracle }: Run, before: string, after: string, byCommand: boolean): void {
  oracle.wrote(before, after, byCommand);
  world.texts.push(after);
}

/** Whether the spool has an event. */
export function isRecorded({ commands }: World, label: number): boolean {
  const sql = `SELECT 1 FROM record WHERE json_extract(properties, '$.device_start_timestamp') = ?`;
  return commands.statement(sql).get(label) !== undefined;
}
