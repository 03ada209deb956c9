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
import type { Spool } from '../spool/spool.ts';
import { appendIn, type CredentialsSeen } from './append.ts';

/** In place of an id that is drawn at random when the command runs. */
export const NEW_ID = '00000000-0000-4000-8000-000000000000';
const UUID = '00000000-0000-7000-8000-000000000000';
/** The first moment of 1970, and of the monotonic clock. */
const AT = 0;
/** Whose the login is that succeeds; in the form of an id, or it would be taken for none. */
const ACCOUNT = 'the-account-that-logs-in';

/** Its `distinctId` is empty where the account is not known yet, and NEW_ID where an id is drawn. */
export interface Previewed {
  readonly capture: WireRecord;
  /** What joins the anonymous id to an account that has not logged in here yet; undefined when that changes nothing. */
  readonly alias: WireRecord | undefined;
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

/** What a command would append to `copy`, which stays as it is. Also for a person who has recording switched off. */
export function previewCapture(copy: Spool, settings: Settings, around: Circumstances): Previewed {
  const { command, failure, credentials } = around;
  const signsIn = around.logsIn && failure === null;
  // The organization is not known before the login.
  const context = signsIn ? null : around.context;
  copy.statement('BEGIN').run();
  try {
    const before = copy.statement('SELECT max(id) FROM record').pluck().get();
    const entry = {
      uuid: UUID,
      now: AT,
      event: UsageEvent.of({ command, failure, context, startedAt: AT, endedAt: AT }, machineOf()),
      credentials: signsIn ? { account: ACCOUNT, resolvable: false, fromEnvironment: false } : credentials,
      change: signsIn ? ({ kind: 'login', principalId: ACCOUNT } as const) : null,
      // Without a key no flusher is asked for, and no one looks for one.
      destination: { ...settings.destination, apiKey: undefined },
      maxRecords: Number.MAX_SAFE_INTEGER,
      online: false,
      showNotice: () => undefined,
    };
    appendIn(copy, entry, [], () => NEW_ID);
    const sql = 'SELECT * FROM record WHERE id > coalesce(?, 0) ORDER BY kind DESC';
    const [capture, alias] = copy.statement(sql).all(before) as [StoredRecord, StoredRecord?];
    return { capture: wireOf(capture), alias: alias && wireOf(alias) };
  } finally {
    copy.statement('ROLLBACK').run();
  }
}

function wireOf(row: StoredRecord): WireRecord {
  const wire = { ...wireRecord({ ...row, distinct_id: row.distinct_id ?? '' }), uuid: UUID };
  if (wire.distinctId !== ACCOUNT) return wire;
  const { properties } = wire;
  return {
    ...wire,
    distinctId: '',
    properties: 'alias' in properties ? { ...properties, distinct_id: null } : properties,
  };
}
