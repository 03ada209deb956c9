/** `arcade usage watch` */
import { statSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { isPipe } from '../../infra/os/pipe.ts';
import type { Invocation, Run } from '../../invocation.ts';
import type { Settings } from '../../settings.ts';
import type { Paint } from '../../terminal/output.ts';
import { compactJson, joined, type Safe, say, visible } from '../../terminal/visible.ts';
import { wrapped } from '../../terminal/wrap.ts';
import { type LatestAnswer, latestAnswers } from '../../usage/inspect/records.ts';
import { readSnapshot, type StoreState } from '../../usage/inspect/snapshot.ts';
import { isFlusherAlive, readStatus, type Status } from '../../usage/inspect/status.ts';
import { spoolFile } from '../../usage/spool/spool.ts';
import { NOTHING, queueRows, rowLines } from './status.ts';
import { consentOf, deliveryState, recordingOf } from './why.ts';
import { attemptInWords, counted, withIsoTimes } from './words.ts';

const EVERY_MS = 250;
const STDOUT = 1;
/** Looks between two blanks. */
const BLANK_EVERY = 4;
const RESPONSES = 5;

/** Shows the queue as it changes, until it is interrupted or has no reader any more. */
export const run: Run = async (invocation) => {
  const { output, interrupted } = invocation;
  const live = output.width !== null && invocation.options.json !== true;
  const paint = await output.paint('stdout');
  let shown = '';
  let drawn: number | 'all' = 0;
  let size = sizeOf(output);
  const mayLoseReader = isPipe(STDOUT);
  const look = openLook(invocation);
  for (let looks = 1; output.isOpen && !interrupted.aborted; looks += 1) {
    const seen = await look();
    if (live) {
      const lines = fitRows(await screen(invocation, seen, paint), output.height);
      const text = joined(lines, say`\n`);
      // A terminal of another size has wrapped the lines of the last picture differently.
      if (drawn !== 0 && sizeOf(output) !== size) drawn = 'all';
      if (text !== shown || drawn === 'all') {
        // Up to where the last picture began, and erase what follows.
        output.redraw(drawn, text);
        drawn = lines.length;
        size = sizeOf(output);
        shown = text;
      }
    } else {
      const state = documentOf(invocation, seen);
      const text = compactJson(state);
      if (text !== shown) output.line(compactJson(withIsoTimes({ at: Date.now(), ...state })));
      shown = text;
    }
    if (mayLoseReader && looks % BLANK_EVERY === 0) output.blank();
    await pause(EVERY_MS);
  }
  return undefined;
};

function sizeOf({ width, height }: Invocation['output']): string {
  return `${width} ${height}`;
}

/** A picture that is higher than the terminal could not be drawn over: the blank lines go first, then the last ones. */
function fitRows(lines: readonly Safe[], height: number | null): readonly Safe[] {
  const room = (height ?? Number.POSITIVE_INFINITY) - 1;
  return lines.length <= room ? lines : lines.filter((line) => line !== '').slice(0, room);
}

interface Seen {
  readonly store: StoreState;
  readonly status: Status | undefined;
  readonly answers: readonly LatestAnswer[];
}

/** Reads the spool again when one of its files has changed, or the flusher has come or gone. */
function openLook({ settings }: Invocation): () => Promise<Seen> {
  let stamp = '';
  let seen: Seen | undefined;
  return async () => {
    const present = stampOf(settings);
    if (seen === undefined || present !== stamp) seen = await read(settings);
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

async function read(settings: Settings): Promise<Seen> {
  const { store, value } = await readSnapshot(settings, (spool) => ({
    status: readStatus(spool, settings, Date.now()),
    answers: latestAnswers(spool, RESPONSES),
  }));
  return { store, status: store.state === 'ok' ? value?.status : undefined, answers: value?.answers ?? [] };
}

function documentOf({ settings }: Invocation, { store, status, answers }: Seen): Record<string, unknown> {
  const { ledger = NOTHING, backoff = null, flusherIsRunning = false } = status ?? {};
  return {
    store: store.state,
    ...ledger,
    backoff: backoff && { until: backoff.until, reason: backoff.reason },
    flusher: { running: flusherIsRunning },
    consent: consentOf(settings, status).enabled,
    recording: recordingOf(settings, store, status),
    answers,
  };
}

/** No line is longer than the terminal is wide: what is drawn next begins as many lines higher as this has. */
async function screen(
  { settings, output }: Invocation,
  { store, status, answers }: Seen,
  paint: Paint,
): Promise<Safe[]> {
  const now = Date.now();
  const width = (output.width ?? 80) - 1;
  const title = await wrapped(say`arcade usage watch (Ctrl-C to quit)`, width);
  const lines = [...title.map((line) => paint.dim(line)), say``];
  if (status !== undefined)
    lines.push(...(await rowLines(queueRows(status, now, paint), width, paint)), say``);
  lines.push(...(await wrapped(visible(deliveryState(settings, store, status, now)), width)));
  if (status === undefined) return lines;
  lines.push(say``, paint.bold(say`Latest responses`));
  for (const answer of answers) {
    const words = say`${attemptInWords(answer, now, paint)}, ${counted(answer.records, 'record')}`;
    lines.push(...(await wrapped(words, width - 2)).map((line) => say`  ${line}`));
  }
  return answers.length === 0 ? [...lines, say`  none`] : lines;
}
