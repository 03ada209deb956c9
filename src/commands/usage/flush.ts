/** `arcade usage flush` */
import { type FailureCode, UserError } from '../../errors.ts';
import { type Invocation, type Run, respond } from '../../invocation.ts';
import { splitBar } from '../../terminal/chart.ts';
import { type Safe, say } from '../../terminal/visible.ts';
import { type RunOutcome, runFlusher } from '../../usage/drain/flusher.ts';
import { countQuarantinedSince } from '../../usage/inspect/records.ts';
import { openSoundSpool, reopenIfDamaged } from '../../usage/recovery/set-aside.ts';
import { type Ledger, readLedger } from '../../usage/spool/ledger.ts';
import { isOptedOut, requirePlace } from '../../usage/spool/place.ts';
import { inodeOf, type Spool } from '../../usage/spool/spool.ts';
import { REPLACED, spoolError } from './changing.ts';
import { digits } from './words.ts';

const DEFAULT_SECONDS = 10;

/** Drains in the foreground, ignoring back-off. Fails when something is left that could have been sent. */
export const run: Run = async (invocation) => {
  const { options, settings } = invocation;
  const { consent, directory } = settings;
  const deadline = performance.now() + (options.timeout ?? DEFAULT_SECONDS) * 1000;
  if (!consent.enabled) throw off(consent.decidedBy);
  // A file says so, and nothing is opened.
  if (isOptedOut(directory)) throw off('usage disable');
  if (directory === undefined) return await print(invocation, NOTHING_YET);
  try {
    return await flush(invocation, directory, () => deadline - performance.now());
  } catch (cause) {
    invocation.output.progress(say``);
    throw spoolError(cause);
  }
};

async function flush(
  invocation: Invocation,
  directory: string,
  leftMs: () => number,
): Promise<FailureCode | undefined> {
  const { destination, program } = invocation.settings;
  requirePlace(directory);
  const before = inodeOf(directory);
  if (before === undefined) return await print(invocation, NOTHING_YET);
  if (destination.apiKey === undefined) {
    throw new UserError('NO_DESTINATION', 'Nowhere to send to: this build has no project key.', {
      hint: 'Set ARCADE_POSTHOG_API_KEY.',
    });
  }
  let spool = openSoundSpool(directory, program.migrations);
  let flushed: Flushed;
  try {
    flushed = await drainNow(invocation, spool, leftMs).catch((error) => {
      // What was set aside is recovered and sent by a second run; there is no third.
      spool = reopenIfDamaged(spool, program.migrations, error);
      return drainNow(invocation, spool, leftMs);
    });
  } finally {
    spool.close();
  }
  if (flushed.outcome === 'consent withdrawn') throw off('usage disable');
  if (before !== spool.inode) invocation.output.note(REPLACED);
  return await print(invocation, flushed);
}

async function drainNow(
  { settings, output }: Invocation,
  spool: Spool,
  leftMs: () => number,
): Promise<Flushed> {
  const before = readLedger(spool);
  const startedAt = Date.now();
  const showProgress = (): void => output.progress(progressLine(before, readLedger(spool), output.unicode));
  if (before.pending > 0) showProgress();
  const outcome = await runFlusher({
    spool,
    destination: settings.destination,
    connect: async () => (await import('../../telemetry/connect.ts')).connect(settings, leftMs),
    ignoreBackoff: true,
    leftMs,
    now: Date.now,
    random: Math.random,
    onDelivered: showProgress,
    maxRecords: settings.maxRecords,
    migrations: settings.program.migrations,
    lockWaitMs: leftMs(),
    lingerMs: 0,
  });
  output.progress(say``);
  const { delivered, pending, quarantined } = readLedger(spool);
  const rejected = countQuarantinedSince(spool, startedAt);
  return { delivered: delivered - before.delivered, rejected, pending, quarantined, outcome };
}

interface Flushed {
  /** Since this flush began, by any process: a flusher that was running already is waited for. */
  readonly delivered: number;
  readonly rejected: number;
  /** Of all that is in the spool now. */
  readonly pending: number;
  readonly quarantined: number;
  readonly outcome: RunOutcome;
}

const NOTHING_YET: Flushed = { delivered: 0, rejected: 0, pending: 0, quarantined: 0, outcome: 'drained' };

async function print(invocation: Invocation, flushed: Flushed): Promise<FailureCode | undefined> {
  await respond(invocation, flushed, () => invocation.output.line(inWords(flushed)));
  return flushed.pending > 0 ? 'EVENTS_PENDING' : undefined;
}

const LEFT: Readonly<Record<RunOutcome, Safe>> = {
  drained: say`their account is not known yet`,
  'backing off': say`see \`arcade usage status\``,
  'out of time': say`timed out`,
  'consent withdrawn': say`recording is off`,
  locked: say`another flusher is running`,
};

function inWords({ delivered, rejected, pending, outcome }: Flushed): Safe {
  if (delivered + rejected + pending === 0) return say`Nothing to send.`;
  const counts = say`Delivered ${digits(delivered)}, quarantined ${digits(rejected)}, pending ${digits(pending)}`;
  const left = pending === 0 ? '' : say`: ${LEFT[outcome]}`;
  const more =
    rejected > 0 ? say` Run \`arcade usage list --state quarantined\` to see what PostHog rejected.` : '';
  return say`${counts}${left}.${more}`;
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
