/** `arcade usage watch` */
import { setTimeout as pause } from 'node:timers/promises';
import type { Invocation, Run } from '../../invocation.ts';
import type { Paint } from '../../terminal/output.ts';
import { isPipe } from '../../terminal/pipes.ts';
import { compactJson, joined, type Safe, say, visible } from '../../terminal/visible.ts';
import { hanging, wrapped } from '../../terminal/wrap.ts';
import { type LatestAnswer, latestAnswers } from '../../usage/inspect/records.ts';
import { readOverview } from './overview.ts';
import { NOTHING, queueRows, rowLines } from './status.ts';
import { attemptInWords, counted, withIsoTimes } from './words.ts';

const EVERY_MS = 500;
const STDOUT = 1;
const RESPONSES = 5;

/** Shows the queue as it changes, until it is interrupted or has no reader any more. */
export const run: Run = async (invocation) => {
  const { output, interrupted } = invocation;
  const show =
    output.width !== null && invocation.options.json !== true
      ? await openScreen(invocation)
      : openLog(invocation);
  const mayLoseReader = isPipe(STDOUT);
  while (output.isOpen && !interrupted.aborted) {
    await show(await readOverview(invocation.settings, (spool) => latestAnswers(spool, RESPONSES)));
    if (mayLoseReader) output.blank();
    await pause(EVERY_MS);
  }
  return undefined;
};

type Seen = Awaited<ReturnType<typeof readOverview<LatestAnswer[]>>>;
type Show = (seen: Seen) => void | Promise<void>;

/** One line of JSON for each change. */
function openLog({ output }: Invocation): Show {
  let shown = '';
  return (seen) => {
    const state = documentOf(seen);
    const text = compactJson(state);
    if (text !== shown) output.line(compactJson(withIsoTimes({ at: Date.now(), ...state })));
    shown = text;
  };
}

/** A picture that is drawn over the last one. */
async function openScreen({ output }: Invocation): Promise<Show> {
  const paint = await output.paint('stdout');
  let shown = '';
  let drawn: number | 'all' = 0;
  let size = '';
  return async (seen) => {
    const present = `${output.width} ${output.height}`;
    const lines = fitRows(await picture(seen, (output.width ?? 80) - 1, paint), output.height);
    const text = joined(lines, say`\n`);
    // A terminal of another size has wrapped the lines of the last picture differently.
    if (drawn !== 0 && present !== size) drawn = 'all';
    // Up to where the last picture began, and erase what follows.
    if (text !== shown || drawn === 'all') output.redraw(drawn, text);
    [shown, drawn, size] = [text, lines.length, present];
  };
}

/** A picture that is higher than the terminal could not be drawn over: the blank lines go first, then the last ones. */
function fitRows(lines: readonly Safe[], height: number | null): readonly Safe[] {
  const room = (height ?? Number.POSITIVE_INFINITY) - 1;
  return lines.length <= room ? lines : lines.filter((line) => line !== '').slice(0, room);
}

function documentOf({
  store,
  status,
  consent,
  recording,
  seen: answers = [],
}: Seen): Record<string, unknown> {
  const { ledger = NOTHING, backoff = null, flusherIsRunning = false } = status ?? {};
  return {
    store: store.state,
    ...ledger,
    backoff: backoff && { until: backoff.until, reason: backoff.reason },
    flusher: { running: flusherIsRunning },
    consent: consent.enabled,
    recording,
    responses: answers,
  };
}

/** No line is longer than the terminal is wide: what is drawn next begins as many lines higher as this has. */
async function picture(
  { status, why, seen: answers = [] }: Seen,
  width: number,
  paint: Paint,
): Promise<Safe[]> {
  const now = Date.now();
  const title = await wrapped(say`arcade usage watch (Ctrl-C to quit)`, width);
  const lines = [...title.map((line) => paint.dim(line)), say``];
  if (status !== undefined)
    lines.push(...(await rowLines(queueRows(status, now, paint), width, paint)), say``);
  lines.push(...(await wrapped(visible(why), width)));
  if (status === undefined) return lines;
  lines.push(say``, paint.bold(say`Latest responses`));
  for (const answer of answers) {
    const words = say`${attemptInWords(answer, now, paint)}, ${counted(answer.records, 'record')}`;
    lines.push(...(await hanging(say``, words, 2, width)));
  }
  return answers.length === 0 ? [...lines, say`  none`] : lines;
}
