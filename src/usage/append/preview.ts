/**
 * What a command would record, found out by recording it: the real append, on a copy of the spool in memory that
 * is then thrown away. Whatever differs from one run to the next has a stand-in.
 */
import type { ErrorCode } from '../../errors.ts';
import type { WireRecord } from '../../infra/net/posthog.ts';
import type { Settings } from '../../settings.ts';
import { type CommandName, type Execution, UsageEvent } from '../event/event.ts';
import { machineOf } from '../event/machine.ts';
import { type StoredRecord, wireRecord } from '../event/wire.ts';
import { readNews } from '../identity/identities.ts';
import type { Spool } from '../spool/spool.ts';
import { appendToCopy, type CredentialsSeen } from './append.ts';

/** What stands for the values that only a run can have. */
const STAND_IN = {
  uuid: '00000000-0000-7000-8000-000000000000',
  /** The first moment of 1970. */
  at: 0,
  seconds: 0,
  /** Whose the login is that succeeds; in the form of an id, or it would be taken for none. */
  account: 'the-account-that-logs-in',
} as const;

export interface Previewed {
  readonly wire: WireRecord;
  /** Whether the distinct_id is one that does not exist yet. */
  readonly newcomer: boolean;
  /** What joins the anonymous id to an account that has not logged in here yet; null when that changes nothing. */
  readonly alias: { readonly wire: WireRecord; readonly newcomer: boolean } | null;
}

interface Circumstances {
  readonly command: CommandName;
  /** Null: it succeeds. */
  readonly failure: ErrorCode | null;
  readonly credentials: CredentialsSeen;
  readonly context: Execution['context'];
  /** It signs in, and so becomes another account. */
  readonly logsIn: boolean;
}

/** Thrown to undo what the preview has written. */
class Undo extends Error {}

/** What a command would append to `copy`, which stays as it is. */
export function previewCapture(copy: Spool, settings: Settings, around: Circumstances): Previewed {
  const { command, failure, credentials, context, logsIn } = around;
  const event = UsageEvent.of(
    { command, failure, context, startedAt: STAND_IN.seconds, endedAt: STAND_IN.seconds },
    machineOf(),
  );
  let previewed: Previewed | undefined;
  try {
    copy.transaction(() => {
      const known = knownIds(copy);
      const lastAlias = lastIdOf(copy, 'alias');
      // The preview works for a person who has recording switched off, too.
      copy.statement('UPDATE installation SET consent = 1').run();
      appendToCopy(copy, {
        event,
        credentials,
        change:
          logsIn && failure === null
            ? { kind: 'login', account: STAND_IN.account, principalId: STAND_IN.account }
            : null,
        // Without a key no flusher is asked for, and no one looks for one.
        destination: { ...settings.destination, apiKey: undefined },
        maxRecords: Number.MAX_SAFE_INTEGER,
        online: false,
        now: Date.now(),
        showNotice: () => undefined,
      });
      previewed = { ...lastOf(copy, 'capture', known), alias: aliasOf(copy, lastAlias, known) };
      throw new Undo();
    });
  } catch (error) {
    if (!(error instanceof Undo)) throw error;
  }
  if (previewed === undefined) throw new Error('nothing was previewed');
  return previewed;
}

function lastIdOf(copy: Spool, kind: 'alias' | 'capture'): number {
  const sql = 'SELECT coalesce(max(id), 0) AS id FROM record WHERE kind = ?';
  return (copy.statement(sql).get(kind) as { id: number }).id;
}

function lastOf(
  copy: Spool,
  kind: 'alias' | 'capture',
  known: ReadonlySet<string>,
): Omit<Previewed, 'alias'> {
  const row = copy.statement('SELECT * FROM record WHERE id = ?').get(lastIdOf(copy, kind)) as StoredRecord;
  // Unbound: its id is not known yet.
  const found = wireRecord({ ...row, distinct_id: row.distinct_id ?? '' });
  const wire = { ...found, uuid: STAND_IN.uuid, at: STAND_IN.at };
  const isTheirs = wire.distinctId === STAND_IN.account;
  return {
    wire: isTheirs ? { ...wire, distinctId: '' } : wire,
    newcomer: wire.distinctId !== '' && !isTheirs && !known.has(wire.distinctId),
  };
}

function aliasOf(copy: Spool, before: number, known: ReadonlySet<string>): Previewed['alias'] {
  if (lastIdOf(copy, 'alias') === before) return null;
  const { wire } = lastOf(copy, 'alias', known);
  return {
    wire: { ...wire, properties: { ...wire.properties, distinct_id: null } },
    newcomer: !known.has(String(wire.properties.alias)),
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
  const shared = readNews(copy)?.ids;
  if (shared) {
    known.add(shared.anonId);
    if (shared.principalId !== null) known.add(shared.principalId);
  }
  return known;
}
