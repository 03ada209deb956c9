/** `arcade usage flush` */
import { type FailureCode, UserError } from '../../errors.ts';
import { type Invocation, type Run, respond } from '../../invocation.ts';
import { splitBar } from '../../terminal/chart.ts';
import { type Safe, say } from '../../terminal/visible.ts';
import { type RunOutcome, runFlusher } from '../../usage/drain/flusher.ts';
import { countQuarantinedSince } from '../../usage/inspect/records.ts';
import { openSoundSpool, reopenIfDamaged } from '../../usage/recovery/set-aside.ts';
import { type Ledger, readLedger } from '../../usage/spool/ledger.ts';
import { isOptedOut } from '../../usage/spool/place.ts';
import type { Spool } from '../../usage/spool/spool.ts';
import { REPLACED, refuseUnusable, spoolError } from './changing.ts';
import { digits } from './words.ts';

const DEFAULT_SECONDS = 10;

/** Drains in the foreground, ignoring back-off. Fails when something is left that could have been sent. */
export const run: Run = async (invocation) => {
  const { options, settings } = invocation;
  const deadline = performance.now() + (options.timeout ?? DEFAULT_SECONDS) * 1000;
  if (!settings.consent.enabled) throw off(settings.consent.decidedBy);
  const { directory } = settings;
  // A file says so, and nothing is opened.
  if (isOptedOut(directory)) throw off('usage disable');
  const { state } = await refuseUnusable(invocation);
  if (state === 'absent' || directory === undefined) return print(invocation, NOTHING_YET);
  if (settings.destination.apiKey === undefined) {
    throw new UserError('NO_DESTINATION', 'Nowhere to send to: this build has no project key.', {
      hint: 'Set ARCADE_POSTHOG_API_KEY.',
    });
  }
  const drainOnce = (): Promise<Flushed | undefined> =>
    drainNow(invocation, directory, () => deadline - performance.now());
  const result = (await drainOnce()) ?? (await drainOnce());
  if (result === undefined)
    throw new UserError('SPOOL_UNUSABLE', 'The usage spool is damaged.', {
      hint: 'Run `arcade usage doctor`.',
    });
  if (result.outcome === 'consent withdrawn') throw off('usage disable');
  if (state === 'damaged') invocation.output.note(REPLACED);
  return print(invocation, result);
};

/** Undefined: the database was damaged and has been set aside; what could be saved of it is in the new one. */
async function drainNow(
  invocation: Invocation,
  directory: string,
  leftMs: () => number,
): Promise<Flushed | undefined> {
  const { output, settings } = invocation;
  const { migrations } = settings.program;
  let spool: Spool | undefined;
  try {
    spool = openSoundSpool(directory, migrations);
    const open = spool;
    const before = readLedger(open);
    const startedAt = Date.now();
    let mine = 0;
    if (before.pending > 0) output.progress(progressLine(before, before, output.unicode));
    const outcome = await runFlusher({
      spool: open,
      destination: settings.destination,
      connect: async () => (await import('../../telemetry/connect.ts')).connect(settings, leftMs),
      ignoreBackoff: true,
      leftMs,
      now: Date.now,
      random: Math.random,
      onDelivered: (records) => {
        mine += records;
        output.progress(progressLine(before, readLedger(open), output.unicode));
      },
      maxRecords: settings.maxRecords,
      migrations,
      lockWaitMs: leftMs(),
      lingerMs: 0,
    });
    output.progress(say``);
    const after = readLedger(spool);
    const rejected = countQuarantinedSince(spool, startedAt);
    spool.close();
    const { pending, quarantined } = after;
    return { delivered: after.delivered - before.delivered, rejected, pending, quarantined, outcome, mine };
  } catch (error) {
    output.progress(say``);
    try {
      if (spool === undefined) throw error;
      reopenIfDamaged(spool, migrations, error).close();
      return undefined;
    } catch (cause) {
      throw spoolError(cause, directory);
    }
  }
}

interface Flushed {
  /** Since this flush began, by any process: a flusher that was running already is waited for. */
  readonly delivered: number;
  readonly rejected: number;
  /** Of all that is in the spool now. */
  readonly pending: number;
  readonly quarantined: number;
  readonly outcome: RunOutcome;
  /** Delivered by this process. */
  readonly mine: number;
}

const NOTHING_YET: Flushed = {
  delivered: 0,
  rejected: 0,
  pending: 0,
  quarantined: 0,
  outcome: 'drained',
  mine: 0,
};

async function print(invocation: Invocation, flushed: Flushed): Promise<FailureCode | undefined> {
  const { mine, ...summary } = flushed;
  await respond(invocation, summary, () => invocation.output.line(inWords(flushed)));
  return summary.pending > 0 ? 'EVENTS_PENDING' : undefined;
}

const LEFT: Readonly<Record<RunOutcome, Safe>> = {
  drained: say`their account is not known yet`,
  'backing off': say`see \`arcade usage status\``,
  'out of time': say`timed out`,
  'consent withdrawn': say`recording is off`,
  locked: say`another flusher is running`,
};

function inWords({ delivered, rejected, pending, outcome, mine }: Flushed): Safe {
  if (delivered + rejected + pending === 0) return say`Nothing to send.`;
  const counts = say`Delivered ${digits(delivered)}, quarantined ${digits(rejected)}, pending ${digits(pending)}`;
  const left = pending === 0 ? '' : say`: ${LEFT[outcome]}`;
  const others =
    delivered > mine ? say` A background flusher delivered ${digits(delivered - mine)} of them.` : '';
  const more =
    rejected > 0 ? say` Run \`arcade usage list --state quarantined\` to see what PostHog rejected.` : '';
  return say`${counts}${left}.${others}${more}`;
}

const CELLS = 30;

/** What is done of what waited at the beginning; what arrives meanwhile makes the bar longer, never shorter. */
function progressLine(before: Ledger, now: Ledger, unicode: boolean): Safe {
  const done = now.delivered - before.delivered + (now.quarantined - before.quarantined);
  const total = done + now.pending;
  const [sent, left] = splitBar([done, now.pending], total, CELLS, unicode);
  return say`Sending ${sent}${left} ${digits(done)} of ${digits(total)}`;
}

function off(decidedBy: string): UserError {
  return new UserError('RECORDING_OFF', `Sending is disabled by ${decidedBy}.`);
}
