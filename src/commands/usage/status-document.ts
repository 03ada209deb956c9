/** The JSON of `arcade usage status`, which scripts rely on. */

import type { Settings } from '../../settings.ts';
import { recordingObstacle } from '../../usage/inspect/obstacles.ts';
import type { StoreState } from '../../usage/inspect/snapshot.ts';
import type { Status } from '../../usage/inspect/status.ts';
import { isOptedOut } from '../../usage/spool/opt-out.ts';
import { countSpilled } from '../../usage/spool/spill.ts';
import type { Sender } from './who.ts';
import { isoTime } from './words.ts';

interface Seen {
  readonly store: StoreState;
  readonly status: Status | undefined;
  readonly sender: Sender | null;
  readonly why: string;
}

const NOTHING = { recorded: 0, delivered: 0, pending: 0, quarantined: 0, dropped: {}, purged: 0 };

/** The document; the ledger of a store that cannot be read is null. */
export function statusDocument(settings: Settings, { store, status, sender, why }: Seen): unknown {
  const { destination } = settings;
  return {
    consent: consentOf(settings, status),
    recording: recordingOf(settings, store, status),
    destination: { host: destination.host, configured: destination.apiKey !== undefined },
    identity: {
      anon_id: status?.identity?.anonId ?? null,
      linked_principal_id: status?.identity?.principalId ?? null,
      state: stateOf(status),
    },
    next_event_as: sender,
    store,
    // Beside the ledger, which begins at the database.
    spilled: settings.directory === undefined ? 0 : countSpilled(settings.directory).waiting,
    ledger: status?.ledger ?? (store.state === 'absent' ? NOTHING : null),
    oldest_pending_at: timeOrNull(status?.oldestPendingAt),
    backoff: status?.backoff
      ? {
          since: isoTime(status.backoff.since),
          until: isoTime(status.backoff.until),
          reason: status.backoff.reason,
        }
      : null,
    flusher: { running: status?.flusherIsRunning ?? false, last: lastRun(status) },
    why,
  };
}

/** Whether events are recorded, and which setting says so. */
export function consentOf(
  { consent: { enabled, decidedBy }, directory }: Settings,
  status: Status | undefined,
): { enabled: boolean; decided_by: string } {
  const refused = isOptedOut(directory) || status?.consent === false;
  if (enabled && refused) return { enabled: false, decided_by: 'usage disable' };
  return { enabled, decided_by: decidedBy };
}

/** Whether the next command would be recorded, and what keeps it from that where no one has switched it off. */
export function recordingOf(
  settings: Settings,
  store: StoreState,
  status: Status | undefined,
): { on: boolean; obstacle: string | null } {
  const obstacle = recordingObstacle(settings, store);
  return { on: obstacle === null && consentOf(settings, status).enabled, obstacle };
}

function stateOf(status: Status | undefined): 'anonymous' | 'linked' | 'unresolved' {
  const identity = status?.identity;
  if (!identity || (identity.fingerprint === null && identity.principalId === null)) return 'anonymous';
  return identity.principalId !== null && identity.verified ? 'linked' : 'unresolved';
}

function lastRun(status: Status | undefined): unknown {
  const run = status?.lastRun;
  if (!run) return null;
  return {
    started_at: isoTime(run.started_at),
    ended_at: timeOrNull(run.ended_at),
    outcome: run.outcome,
    delivered: run.delivered,
  };
}

function timeOrNull(at: number | null | undefined): string | null {
  return at == null ? null : isoTime(at);
}
