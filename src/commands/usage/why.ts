/** Whether events are recorded and sent, and why not. */
import type { Settings } from '../../settings.ts';
import { recordingObstacle } from '../../usage/inspect/obstacles.ts';
import type { StoreState } from '../../usage/inspect/snapshot.ts';
import {
  backoffInWords,
  flusherFault,
  isFlusherStarting,
  type Status,
  waitsForAccount,
} from '../../usage/inspect/status.ts';
import { isOptedOut } from '../../usage/spool/place.ts';
import { relativeTime } from './words.ts';

/** Why nothing is being sent just now, or that all is well, in a sentence or two: the first reason that applies. `status` undefined: there is none, or none that can be read. */
export function deliveryState(
  settings: Settings,
  store: StoreState,
  status: Status | undefined,
  now: number,
): string {
  const { consent, destination, directory } = settings;
  const left = whatIsLeft(settings, store, status);
  if (!consent.enabled) return `Recording is off (${consent.decidedBy}).${left}`;
  if (isOptedOut(directory) || status?.consent === false)
    return `Recording is off (\`arcade usage disable\`).${left}`;
  const obstacle = 'advice' in store ? store : recordingObstacle(settings, store);
  if (obstacle !== undefined) return `${obstacle.message} ${obstacle.advice}`;
  if (status === undefined) return 'Nothing has been recorded yet.';
  const { ledger, backoff } = status;
  if (ledger.pending === 0) {
    if (ledger.quarantined > 0) return `Nothing pending; PostHog permanently rejected ${ledger.quarantined}.`;
    if (ledger.delivered === ledger.recorded) return 'Everything recorded has been sent.';
    return 'Nothing pending; what was recorded and not sent was dropped or erased.';
  }
  if (destination.apiKey === undefined) {
    return 'Nothing is sent: this build has no project key, and ARCADE_POSTHOG_API_KEY is not set.';
  }
  if (status.flusherIsRunning) return 'A flusher is sending right now.';
  if (backoff !== null) {
    const next = relativeTime(backoff.until, now);
    return `${backoffInWords(backoff)} Next attempt ${next}, with the next command you run.`;
  }
  if (waitsForAccount(status, now)) {
    const next = relativeTime(status.resolveUntil, now);
    return `The account of these events is not known yet; Arcade is asked again ${next}, with the next command you run.`;
  }
  const fault = flusherFault(status, now);
  if (fault !== null) return `${fault} Run \`arcade usage flush\` to send the pending events.`;
  return isFlusherStarting(status, now)
    ? 'A flusher was asked for just now.'
    : 'Pending events will be sent with your next command.';
}

/** A `usage disable` that was ended before its time, or could not open the spool, has erased nothing. */
function whatIsLeft({ directory }: Settings, store: StoreState, status: Status | undefined): string {
  if (!isOptedOut(directory)) return '';
  if (status?.keepsRecords === true)
    return ' What was recorded before is still here: `arcade usage disable` erases it.';
  if (status !== undefined || !('advice' in store)) return '';
  return ` What was recorded before may still be here: ${store.message} \`arcade usage disable\` erases it once it can be opened.`;
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
  const obstacle = recordingObstacle(settings, store)?.message ?? null;
  return { on: obstacle === null && consentOf(settings, status).enabled, obstacle };
}
