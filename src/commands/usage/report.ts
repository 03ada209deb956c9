/** `arcade usage report` */
import { closeSync, lstatSync, openSync, readSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { UserError, usageError } from '../../errors.ts';
import { replaceAtomically } from '../../infra/os/files.ts';
import { reasonOf } from '../../infra/os/reasons.ts';
import { type Invocation, type Run, respond } from '../../invocation.ts';
import { joined, say, visible } from '../../terminal/visible.ts';
import { readStats } from '../../usage/inspect/stats.ts';
import { readStatus } from '../../usage/inspect/status.ts';
import { overviewOf } from './overview.ts';
import { readSpool, recordsAsSent, type SentRecord } from './reading.ts';
import { type ReportData, reportPage } from './report-page.ts';
import { nextSender } from './who.ts';
import { counted } from './words.ts';

const DEFAULT_FILE = 'arcade-usage.html';
const DEFAULT_DAYS = 30;

/** Writes the report, and opens it when asked to. */
export const run: Run = async (invocation) => {
  const { output, options, settings } = invocation;
  const days = options.days ?? DEFAULT_DAYS;
  const target = options.output ?? DEFAULT_FILE;
  if (target === '-' && (options.open === true || invocation.json))
    throw usageError(
      '--output - prints the report itself.',
      'Leave out --open and --json, or choose a file.',
    );
  const senderIn = await nextSender(invocation);
  const { value: data, absence } = await readSpool(invocation, async (spool): Promise<ReportData> => {
    const now = Date.now();
    const events: SentRecord[] = [];
    for await (const group of recordsAsSent(spool)) events.push(...group);
    return {
      now,
      host: settings.destination.host,
      overview: overviewOf(settings, { state: 'ok' }, readStatus(spool, settings, now)),
      sender: senderIn(spool).words,
      stats: readStats(spool, days, now),
      events,
    };
  });
  if (absence !== null) throw new UserError('NOTHING_RECORDED', `${absence} There is nothing to report.`);
  const text = reportPage(data);
  if (target === '-') {
    output.line(joined(text.trimEnd().split('\n').map(visible), say`\n`));
    return undefined;
  }
  const path = resolve(target);
  write(path, text);
  const url = pathToFileURL(path).href;
  const records = data.events.length;
  await respond(invocation, { path, url, records }, () =>
    output.line(say`Wrote ${counted(records, 'record')} to ${visible(path)}`),
  );
  if (options.open === true && !(await opened(url, settings)))
    output.warn(say`Could not open a browser; open ${visible(url)} yourself.`);
  return undefined;
};

/** The wait for the browser does not keep a process alive that has nothing else to do; this does. */
async function opened(url: string, { browser }: Invocation['settings']): Promise<boolean> {
  const { openBrowser } = await import('../../infra/os/browser.ts');
  const alive = setInterval(() => undefined, 1000);
  try {
    return await openBrowser(url, browser());
  } finally {
    clearInterval(alive);
  }
}

/** Whether an earlier report stands there. Of a pipe or a terminal nothing is read: that could wait for ever. */
function isReport(path: string): boolean {
  const file = openSync(path, 'r');
  try {
    const beginning = Buffer.alloc(1024);
    readSync(file, beginning);
    return /^<!doctype html>[\s\S]*<title>arcade usage report</.test(beginning.toString());
  } finally {
    closeSync(file);
  }
}

/**
 * Writes over nothing but an earlier report, and through no link: the working directory may be another user's, who put
 * a link there. Throws UserError.
 */
function write(path: string, text: string): void {
  const hint = 'Choose another file with --output.';
  try {
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found !== undefined && !(found.isFile() && isReport(path)))
      throw new UserError('FILE_EXISTS', `${path} already exists and is not an arcade report.`, { hint });
    replaceAtomically(path, text);
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    const isFolderAbsent = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    const why = isFolderAbsent ? 'its folder does not exist' : reasonOf(cause);
    throw new UserError('OUTPUT_FAILED', `Cannot write ${path}: ${why}.`, { hint, cause });
  }
}
