/** Why nothing is being sent just now, or that all is well: one sentence. */
import type { Settings } from '../../settings.ts';
import { obstacleOf } from '../../usage/inspect/obstacles.ts';
import type { StoreState } from '../../usage/inspect/snapshot.ts';
import type { Status } from '../../usage/inspect/status.ts';
import { isRefused } from '../../usage/spool/spool.ts';
import { relativeTime } from './words.ts';

/** The first reason that applies. `status` undefined: there is none, or none that can be read. */
export function whyNothingIsSent(
  settings: Settings,
  store: StoreState,
  status: Status | undefined,
  now: number,
): string {
  const { consent, destination, directory } = settings;
  const left = whatIsLeft(settings, store, status);
  if (!consent.enabled) return `Usage is not recorded: ${consent.decidedBy} says so.${left}`;
  if (isRefused(directory) || status?.consent === false)
    return `Usage is not recorded: \`arcade usage disable\` says so.${left}`;
  if ('advice' in store && status === undefined) return `${store.message} ${store.advice}`;
  const obstacle = obstacleOf(settings, store);
  if (obstacle !== null) return `Usage is not recorded: ${obstacle}.`;
  if (status === undefined) return 'Nothing has been recorded yet.';
  const { ledger, backoff } = status;
  if (ledger.pending === 0) {
    if (ledger.quarantined > 0) return `Nothing waits; PostHog refused ${ledger.quarantined} for good.`;
    if (ledger.delivered === ledger.recorded)
      return 'All is well: everything that was recorded has been sent.';
    return 'Nothing waits; what was recorded and not sent was dropped or erased.';
  }
  if (destination.apiKey === undefined) {
    return 'Nothing is sent: this build has no project key, and ARCADE_POSTHOG_API_KEY is not set.';
  }
  if (status.flusherIsRunning) return 'A flusher is sending right now.';
  if (backoff !== null)
    return `${reasonInWords(backoff)} The next try is ${relativeTime(backoff.until, now)}, at a command.`;
  if (status.unbound === ledger.pending && status.resolveUntil > now) {
    return `It is not known yet whose the events are; Arcade is asked again ${relativeTime(status.resolveUntil, now)}, at a command.`;
  }
  return 'They are sent at the next command.';
}

/** A `usage disable` that was ended before its time, or could not open the spool, has erased nothing. */
function whatIsLeft({ directory }: Settings, store: StoreState, status: Status | undefined): string {
  if (!isRefused(directory)) return '';
  if (status?.keepsRecords === true)
    return ' What was recorded before is still here: `arcade usage disable` erases it.';
  if (status !== undefined || !('advice' in store)) return '';
  return ` What was recorded before may still be here: ${store.message} Once it can be opened, \`arcade usage disable\` erases it.`;
}

function reasonInWords({ reason, status }: NonNullable<Status['backoff']>): string {
  switch (reason) {
    case 'offline':
      return 'PostHog cannot be reached.';
    case 'portal':
      return `Something else answers in PostHog's place (status ${status}), such as the login page of a network.`;
    case 'rejected':
      return `What answers at PostHog's address rejects everything (status ${status}).`;
    case 'proxy':
      return 'The address of the proxy (HTTPS_PROXY, HTTP_PROXY) cannot be used.';
    case 'throttled':
      return `PostHog asked to wait (status ${status}).`;
    default:
      return `PostHog does not accept the project key (status ${status}).`;
  }
}
