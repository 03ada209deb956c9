/** `arcade usage watch` */
import { statSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { compactJson, type Paint } from '../../cli/output.ts';
import type { Settings } from '../../settings.ts';
import {
  isFlusherAlive,
  type LatestAnswer,
  latestAnswers,
  readStatus,
  type Status,
} from '../../usage/inspect.ts';
import { spoolFile } from '../../usage/spool.ts';
import { readStore, type StoreState } from '../../usage/store.ts';
import type { Invocation, Run } from '../command.ts';
import { whyNothingIsSent } from './why.ts';
import { counted, isoTime, relativeTime, shortly, wrapped } from './words.ts';

const EVERY_MS = 250;
const ANSWERS = 5;

/** Shows the queue as it changes, until it is interrupted or nobody reads any more. */
export const run: Run = async (invocation) => {
  const { output, interrupted } = invocation;
  const live = output.width !== null && invocation.options.json !== true;
  const paint = await output.paint('stdout');
  let shown = '';
  let drawn = 0;
  const look = openLook(invocation);
  while (output.isOpen && !interrupted.aborted) {
    const seen = look();
    if (live) {
      const lines = screen(invocation, seen, paint);
      const text = lines.join('\n');
      if (text !== shown) {
        // Up to where the last picture began, and erase what follows.
        output.redraw(drawn, text);
        drawn = lines.length;
        shown = text;
      }
    } else {
      const state = documentOf(invocation, seen);
      const text = compactJson(state);
      if (text !== shown) output.line(compactJson({ at: isoTime(Date.now()), ...state }));
      shown = text;
    }
    await pause(EVERY_MS);
  }
  return undefined;
};

interface Seen {
  readonly store: StoreState;
  readonly status: Status | undefined;
  readonly answers: readonly LatestAnswer[];
}

/** Reads the spool again when one of its files has changed, or the flusher has come or gone. */
function openLook({ settings }: Invocation): () => Seen {
  let stamp = '';
  let seen: Seen | undefined;
  return () => {
    const present = stampOf(settings);
    if (seen === undefined || present !== stamp) seen = read(settings);
    stamp = present;
    return seen;
  };
}

function stampOf({ directory }: Settings): string {
  if (directory === undefined) return '';
  const path = spoolFile(directory);
  const states = [path, `${path}-wal`].map((file) => {
    const found = statSync(file, { bigint: true, throwIfNoEntry: false });
    return found === undefined ? '' : `${found.ino} ${found.size} ${found.mtimeNs}`;
  });
  return `${states.join(' ')} ${isFlusherAlive(directory)}`;
}

function read(settings: Settings): Seen {
  const { store, value } = readStore(settings, (spool) => ({
    status: readStatus(spool, settings, Date.now()),
    answers: latestAnswers(spool, ANSWERS),
  }));
  // A command that appends holds the spool for a moment: that is no state to tell of.
  const told: StoreState = store.state === 'locked' ? { state: 'ok' } : store;
  return { store: told, status: value?.status, answers: value?.answers ?? [] };
}

function documentOf({ settings }: Invocation, { store, status, answers }: Seen): Record<string, unknown> {
  const {
    recorded = 0,
    delivered = 0,
    pending = 0,
    quarantined = 0,
    dropped = {},
    purged = 0,
  } = status?.ledger ?? {};
  return {
    store: store.state,
    recorded,
    delivered,
    pending,
    quarantined,
    dropped,
    purged,
    backoff: status?.backoff ? { until: isoTime(status.backoff.until), reason: status.backoff.reason } : null,
    flusher: { running: status?.flusherIsRunning ?? false },
    consent: settings.consent.enabled && status?.consent !== false,
    answers: answers.map((answer) => ({ ...answer, at: isoTime(answer.at) })),
  };
}

function screen(invocation: Invocation, { store, status, answers }: Seen, paint: Paint): string[] {
  const now = Date.now();
  const { settings, output } = invocation;
  const fit = (line: string, colour: (text: string) => string = String): string =>
    colour(line.slice(0, (output.width ?? 80) - 1));
  const why = whyNothingIsSent(settings, store, status, now);
  const head = [fit('arcade usage, until Ctrl-C', paint.dim), ''];
  if (status === undefined) return [...head, fit(why)];
  const { ledger, flusherIsRunning, lastRun } = status;
  const flusher = flusherIsRunning
    ? paint.green('running')
    : lastRun === null
      ? 'has never run'
      : `last ran ${relativeTime(lastRun.ended_at ?? lastRun.started_at, now)}: ${lastRun.outcome ?? 'was killed'}`;
  return [
    ...head,
    `${paint.bold('Pending')}      ${paint.yellow(String(ledger.pending))}`,
    `${paint.bold('Delivered')}    ${paint.green(String(ledger.delivered))}`,
    `${paint.bold('Quarantined')}  ${ledger.quarantined === 0 ? '0' : paint.red(String(ledger.quarantined))}`,
    `${paint.bold('Flusher')}      ${flusher}`,
    '',
    paint.bold('Last answers'),
    ...(answers.length === 0 ? ['  none'] : answers.map((answer) => fit(answerLine(answer, now)))),
    '',
    ...wrapped(why, (output.width ?? 80) - 1),
  ];
}

function answerLine({ at, outcome, status, duration_ms, records }: LatestAnswer, now: number): string {
  const answer = status === null ? 'no answer' : `status ${status}`;
  return `  ${relativeTime(at, now).padEnd(12)}${outcome.padEnd(13)}${answer.padEnd(12)}${`after ${shortly(duration_ms)}`.padEnd(14)}${counted(records, 'record')}`;
}
