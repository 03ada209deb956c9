/** `arcade usage doctor` */

import { openCopy } from '../../infra/sqlite/database.ts';
import type { Invocation, Run } from '../../invocation.ts';
import type { Settings } from '../../settings.ts';
import type { Paint } from '../../terminal/output.ts';
import { type Safe, say, visible } from '../../terminal/visible.ts';
import { wrapped } from '../../terminal/wrap.ts';
import { checkStore } from '../../usage/inspect/doctor.ts';
import { type Finding, passed } from '../../usage/inspect/finding.ts';
import { obstacleOf, reasonOf } from '../../usage/inspect/obstacles.ts';
import { checkNetwork } from './doctor-network.ts';
import { checkSettings } from './doctor-settings.ts';
import { counted } from './words.ts';

/** Checks everything, tells what is wrong and what to do. Fails when anything is. */
export const run: Run = async (invocation) => {
  const { output, options, settings } = invocation;
  const checked = await checkStoreAndModule(settings);
  checked.push(...checkSettings(settings));
  if (options.network === true) checked.push(...(await checkNetwork(settings)));
  const findings = checked.filter(({ severity }) => severity !== 'ok');
  const ok = findings.every(({ severity }) => severity === 'info');
  if (invocation.json) {
    const good = checked.filter(({ severity }) => severity === 'ok');
    output.json({ ok, findings, passed: good.map(({ code, message }) => ({ code, message })) });
  } else {
    await print(invocation, checked, await output.paint('stdout'));
  }
  return ok ? undefined : 'PROBLEMS_FOUND';
};

/** The store's checks need the native module, which is a thing to be checked itself. */
async function checkStoreAndModule(settings: Settings): Promise<Finding[]> {
  let version: unknown;
  try {
    const db = openCopy(null, settings.program.migrations);
    version = db.prepare('SELECT sqlite_version()').pluck().get();
    db.close();
  } catch (error) {
    const reason = reasonOf(error);
    if (reason?.kind !== 'no sqlite') throw error;
    return [obstacleOf(reason, '')];
  }
  const message = `better-sqlite3 loads, with SQLite ${version}, in Node ${process.versions.node}.`;
  const found = await checkStore(settings, { now: Date.now(), platform: process.platform });
  return [passed('native-module', message), ...found];
}

async function print({ output }: Invocation, checked: readonly Finding[], paint: Paint): Promise<void> {
  const marks = output.unicode
    ? {
        ok: paint.green(say`✓`),
        info: paint.cyan(say`•`),
        warning: paint.yellow(say`!`),
        error: paint.red(say`✗`),
      }
    : {
        ok: paint.green(say`ok  `),
        info: paint.cyan(say`note`),
        warning: paint.yellow(say`warn`),
        error: paint.red(say`FAIL`),
      };
  const indent = output.unicode ? say`  ` : say`     `;
  const room = output.width === null ? null : output.width - indent.length;
  for (const check of checked) {
    const { severity, message } = check;
    const [first = say``, ...rest] = await wrapped(visible(message), room);
    const strong = severity === 'error' ? paint.bold : (text: Safe): Safe => text;
    output.line(say`${marks[severity]} ${strong(first)}`);
    for (const line of rest) output.line(say`${indent}${strong(line)}`);
    if (severity === 'ok') continue;
    for (const line of await wrapped(visible(check.advice), room))
      output.line(say`${indent}${paint.dim(line)}`);
  }
  output.line();
  for (const line of await wrapped(summary(checked), output.width)) {
    output.line(isWrong(checked) ? paint.red(line) : paint.green(line));
  }
}

function isWrong(checked: readonly Finding[]): boolean {
  return checked.some(({ severity }) => severity === 'error' || severity === 'warning');
}

function summary(checked: readonly Finding[]): Safe {
  const wrong = checked.filter(({ severity }) => severity === 'error' || severity === 'warning').length;
  if (wrong > 0) return say`${counted(wrong, 'problem')} found.`;
  const remarks = checked.filter(({ severity }) => severity === 'info').length;
  return remarks === 0 ? say`No problems found.` : say`No problems found, ${counted(remarks, 'note')}.`;
}
