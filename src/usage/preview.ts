/**
 * What a command would record, found out by recording it: the real append, on a copy of the spool in memory that
 * is then thrown away. Whatever differs from one run to the next has a stand-in.
 */
import type { ErrorCode } from '../errors.ts';
import type { WireRecord } from '../infra/posthog.ts';
import type { Settings } from '../settings.ts';
import { appendToCopy, type CredentialsSeen } from './append.ts';
import { type CommandName, type Execution, eventOf } from './event.ts';
import { findRecord } from './inspect.ts';
import { machineOf } from './machine.ts';
import { readNews } from './shared-identity.ts';
import { installationOf, type Spool } from './spool.ts';

/** What stands for the values that only a run can have. */
const STAND_IN = {
  uuid: '00000000-0000-7000-8000-000000000000',
  /** The first moment of 1970. */
  at: 0,
  seconds: 0,
} as const;

export interface Previewed {
  readonly wire: WireRecord;
  /** Whether the distinct_id is one that does not exist yet. */
  readonly newcomer: boolean;
}

interface Circumstances {
  readonly command: CommandName;
  /** Null: it succeeds. */
  readonly failure: ErrorCode | null;
  readonly credentials: CredentialsSeen;
  readonly context: Execution['context'];
}

/** Thrown to undo what the preview has written. */
class Undo extends Error {}

/** The capture that a command would append to `copy`, which stays as it is. */
export function previewCapture(copy: Spool, settings: Settings, around: Circumstances): Previewed {
  const { command, failure, credentials, context } = around;
  const { name, properties } = eventOf(
    { command, failure, context, startedAt: STAND_IN.seconds, endedAt: STAND_IN.seconds },
    machineOf(settings.program),
  );
  let previewed: Previewed | undefined;
  try {
    copy.transaction(() => {
      const known = knownIds(copy);
      // The preview works for a person who has recording switched off, too.
      copy.statement('UPDATE installation SET consent = 1').run();
      appendToCopy(copy, {
        name,
        properties,
        credentials,
        change: null,
        // Without a key no flusher is asked for, and nobody looks for one.
        destination: { ...settings.destination, apiKey: undefined },
        maxRecords: Number.MAX_SAFE_INTEGER,
        online: false,
        now: Date.now(),
        showNotice: () => undefined,
      });
      previewed = lastCapture(copy, known);
      throw new Undo();
    });
  } catch (error) {
    if (!(error instanceof Undo)) throw error;
  }
  if (previewed === undefined) throw new Error('nothing was previewed');
  return previewed;
}

function lastCapture(copy: Spool, known: ReadonlySet<string>): Previewed {
  const { id } = copy.statement(`SELECT max(id) AS id FROM record WHERE kind = 'capture'`).get() as {
    id: number;
  };
  const found = findRecord(copy, String(id));
  if (found === undefined) throw new Error('nothing was previewed');
  const { distinctId } = found.wire;
  return {
    wire: { ...found.wire, uuid: STAND_IN.uuid, at: STAND_IN.at },
    newcomer: distinctId !== '' && !known.has(distinctId),
  };
}

/** Ids that are there before the command runs. */
function knownIds(copy: Spool): Set<string> {
  const rows = copy
    .statement(
      'SELECT anon_id AS id FROM identity UNION SELECT principal_id FROM identity UNION SELECT principal_id FROM account',
    )
    .all() as { id: string | null }[];
  const known = new Set(rows.map((row) => row.id ?? ''));
  const shared = readNews(copy, installationOf(copy))?.shared;
  if (shared !== undefined) {
    known.add(shared.anonId);
    if (shared.principalId !== null) known.add(shared.principalId);
  }
  return known;
}
