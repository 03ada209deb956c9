/** `arcade usage doctor` */

import type { Invocation, Run } from '../../invocation.ts';
import type { Settings } from '../../settings.ts';
import type { Paint } from '../../terminal/output.ts';
import { type Safe, say, visible } from '../../terminal/visible.ts';
import { wrapped } from '../../terminal/wrap.ts';
import type { Checked, Finding } from '../../usage/inspect/finding.ts';
import { checkNetwork } from './doctor-network.ts';
import { checkSettings } from './doctor-settings.ts';
import { counted } from './words.ts';

/** Checks everything, tells what is wrong and what to do. Fails when anything is. */
export const run: Run = async (invocation) => {
  const { output, options, settings } = invocation;
  const checked = await checkStoreAndModule(settings);
  checked.push(...checkSettings(settings));
  if (options.network === true) checked.push(...(await checkNetwork(settings)));
  const findings = checked.filter((check): check is Finding => check.severity !== 'ok');
  const ok = findings.every(({ severity }) => severity === 'info');
  if (options.json === true) {
    const good = checked.filter(({ severity }) => severity === 'ok');
    output.json({ ok, findings, passed: good.map(({ code, message }) => ({ code, message })) });
  } else {
    await print(invocation, checked, await output.paint('stdout'));
  }
  return ok ? undefined : 'PROBLEMS_FOUND';
};

/** The store's checks need the native module, which is a thing to be checked itself. */
async function checkStoreAndModule(settings: Settings): Promise<Checked[]> {
  try {
    const { openCopy } = await import('../../infra/sqlite/database.ts');
    const db = openCopy(null, settings.program.migrations);
    const { version } = db.prepare('SELECT sqlite_version() AS version').get() as { version: string };
    db.close();
    const { checkStore } = await import('../../usage/inspect/doctor.ts');
    const message = `better-sqlite3 loads, with SQLite ${version}, in Node ${process.versions.node}.`;
    return [{ code: 'native-module', severity: 'ok', message }, ...(await checkStore(settings, Date.now()))];
  } catch (error) {
    const { adviceForAddon } = await import('../../infra/sqlite/errors.ts');
    const advice = adviceForAddon(error);
    if (advice === undefined) throw error;
    const { code } = error as NodeJS.ErrnoException;
    return [
      {
        code: 'native-module',
        severity: 'error',
        message: `better-sqlite3 cannot be loaded in Node ${process.versions.node} (${code}): nothing is recorded.`,
        advice,
      },
    ];
  }
}

async function print({ output }: Invocation, checked: readonly Checked[], paint: Paint): Promise<void> {
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

function isWrong(checked: readonly Checked[]): boolean {
  return checked.some(({ severity }) => severity === 'error' || severity === 'warning');
}

function summary(checked: readonly Checked[]): Safe {
  const wrong = checked.filter(({ severity }) => severity === 'error' || severity === 'warning').length;
  if (wrong > 0) return say`${counted(wrong, 'problem')} found.`;
  const remarks = checked.filter(({ severity }) => severity === 'info').length;
  return remarks === 0 ? say`No problems found.` : say`No problems found, ${counted(remarks, 'note')}.`;
}
