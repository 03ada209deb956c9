/** `arcade usage flush` */
import { UserError, usageError } from '../../errors.ts';
import { openSending } from '../../sending.ts';
import { type RunOutcome, runFlusher } from '../../usage/flusher-run.ts';
import { inspect } from '../../usage/inspect.ts';
import { readLedger } from '../../usage/ledger.ts';
import { openSpool } from '../../usage/spool.ts';
import type { Invocation, Run } from '../command.ts';

const DEFAULT_SECONDS = 10;

/** Drains in the foreground, ignoring back-off. Fails when something is left that could have been sent. */
export const run: Run = async (invocation) => {
  const { output, options, settings } = invocation;
  const seconds = readTimeout(options.timeout);
  if (settings.directory === undefined || inspect(settings, () => true) === undefined) {
    return report(invocation, { delivered: 0, pending: 0, quarantined: 0, outcome: 'drained' });
  }
  if (!settings.consent.enabled) throw off(settings.consent.decidedBy);
  if (settings.destination.apiKey === undefined) {
    throw new UserError('UNEXPECTED', 'There is nowhere to send to: this build has no project key.', {
      hint: 'Set ARCADE_POSTHOG_API_KEY.',
    });
  }
  const deadline = performance.now() + seconds * 1000;
  const leftMs = (): number => deadline - performance.now();
  const spool = openSpool(settings.directory, settings.program.migrations);
  const sending = await openSending(settings, spool, { leftMs, ignoreBackoff: true });
  const before = readLedger(spool);
  const onDelivered = (): void => output.progress(`Sending: ${readLedger(spool).pending} left`);
  const outcome = await runFlusher({
    ...sending,
    onDelivered,
    maxRecords: settings.maxRecords,
    lockWaitMs: seconds * 1000,
    minLifeMs: 0,
  });
  output.progress('');
  sending.deliverer.close();
  const after = readLedger(spool);
  spool.close();
  if (outcome === 'consent withdrawn') throw off('usage disable');
  return report(invocation, {
    delivered: after.delivered - before.delivered,
    pending: after.pending,
    quarantined: after.quarantined,
    outcome,
  });
};

interface Report {
  readonly delivered: number;
  readonly pending: number;
  readonly quarantined: number;
  readonly outcome: RunOutcome;
}

function report({ output, options }: Invocation, result: Report): 'PARTIAL_FAILURE' | undefined {
  if (options.json === true) output.json(result);
  else
    output.line(
      `Delivered ${result.delivered}, left ${result.pending}, quarantined ${result.quarantined}${told(result)}.`,
    );
  return result.pending > 0 ? 'PARTIAL_FAILURE' : undefined;
}

function told({ pending, outcome }: Report): string {
  if (pending === 0) return '';
  const reasons: Record<RunOutcome, string> = {
    drained: 'it is not known yet whose they are',
    'backing off': 'PostHog did not take them; see `arcade usage status`',
    'out of time': 'the time was up',
    'consent withdrawn': 'recording is off',
    locked: 'another flusher is at work',
  };
  return `: ${reasons[outcome]}`;
}

function off(decidedBy: string): UserError {
  return new UserError('UNEXPECTED', `Nothing is sent: ${decidedBy} says so.`);
}

function readTimeout(option: string | true | undefined): number {
  if (option === undefined) return DEFAULT_SECONDS;
  const seconds = Number(option);
  if (!(seconds > 0 && seconds <= 3600))
    throw usageError('--timeout is a number of seconds from above 0 to 3600.');
  return seconds;
}
