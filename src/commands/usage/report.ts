/** `arcade usage report` */
import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { UserError } from '../../errors.ts';
import { postHogEvents } from '../../infra/net/posthog.ts';
import { writeAtomically } from '../../infra/os/files.ts';
import type { Invocation, Run } from '../../invocation.ts';
import { say, visible } from '../../terminal/visible.ts';
import { readStats } from '../../usage/inspect/stats.ts';
import { eachRecordInFull, readStatus } from '../../usage/inspect/status.ts';
import type { Spool } from '../../usage/spool/spool.ts';
import { readPositive } from './options.ts';
import { readSpool } from './reading.ts';
import { reportPage, type Told } from './report-page.ts';
import { consentOf } from './status-document.ts';
import { nextSender } from './who.ts';
import { whyNothingIsSent } from './why.ts';
import { counted } from './words.ts';

const DEFAULT_FILE = 'arcade-usage.html';
const DEFAULT_DAYS = 30;
const MOST_DAYS = 90;

/** Writes the report, and opens it when asked to. */
export const run: Run = async (invocation) => {
  const { output, options } = invocation;
  const days = readPositive(options.days, '--days', MOST_DAYS) ?? DEFAULT_DAYS;
  const path = resolve(typeof options.output === 'string' ? options.output : DEFAULT_FILE);
  const sender = await nextSender(invocation);
  const { value: told, absence } = await readSpool(invocation, (spool) =>
    tell(invocation, spool, { days, sender }),
  );
  if (absence !== null) throw new UserError('NOTHING_RECORDED', `${absence} There is nothing to report.`);
  write(path, reportPage(told));
  const url = pathToFileURL(path).href;
  if (options.json === true) output.json({ path, url, records: told.events.length });
  else output.line(say`Wrote ${counted(told.events.length, 'record')} to ${visible(path)}`);
  if (options.open !== true) return undefined;
  if (!(await opened(url))) output.note(say`No browser could be started; open ${visible(url)} yourself.`);
  return undefined;
};

/** The wait for the browser does not keep a process alive that has nothing else to do; this does. */
async function opened(url: string): Promise<boolean> {
  const { openBrowser } = await import('../../infra/os/browser.ts');
  const alive = setInterval(() => undefined, 1000);
  try {
    return await openBrowser(url);
  } finally {
    clearInterval(alive);
  }
}

interface Asked {
  readonly days: number;
  readonly sender: Awaited<ReturnType<typeof nextSender>>;
}

async function tell({ settings }: Invocation, spool: Spool, { days, sender }: Asked): Promise<Told> {
  const now = Date.now();
  const status = readStatus(spool, settings, now);
  const details = [...eachRecordInFull(spool)];
  const payloads = await postHogEvents(details.map(({ wire }) => wire));
  const { enabled, decided_by: decidedBy } = consentOf(settings, status);
  return {
    now,
    host: settings.destination.host,
    recording: `${enabled ? 'on' : 'off'} (${decidedBy})`,
    sender: sender(spool).words,
    why: whyNothingIsSent(settings, { state: 'ok' }, status, now),
    status,
    stats: readStats(spool, days, now),
    events: details.map((record, i) => ({ details: record, payload: payloads[i] })),
  };
}

/** A file, for reading a pipe or a terminal would wait for what never comes. */
function isFree(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return true;
  return (
    found.isFile() &&
    /^<!doctype html>[\s\S]{0,500}content="arcade usage report"/.test(readFileSync(path, 'utf8'))
  );
}

/** Only an earlier report is written over. Throws UserError. */
function write(path: string, text: string): void {
  try {
    if (!isFree(path)) {
      throw new UserError('OUTPUT_FAILED', `${path} is there already and is not a report.`, {
        hint: 'Choose another file with --output.',
      });
    }
    writeAtomically(path, text);
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    throw new UserError('OUTPUT_FAILED', `${path} cannot be written.`, {
      hint: 'Choose another file with --output.',
      cause,
    });
  }
}
