/** `arcade usage doctor` */

import { openCopy } from '../../infra/sqlite/database.ts';
import { type Invocation, type Run, respond } from '../../invocation.ts';
import type { Settings } from '../../settings.ts';
import { joined, say, visible } from '../../terminal/visible.ts';
import { hanging, printText } from '../../terminal/wrap.ts';
import { checkStore } from '../../usage/inspect/doctor.ts';
import { type Finding, passed } from '../../usage/inspect/finding.ts';
import { obstacleOf, reasonOf } from '../../usage/inspect/obstacles.ts';
import { checkNetwork } from './doctor-network.ts';
import { checkSettings } from './doctor-settings.ts';
import { counted } from './words.ts';

/** Checks everything, tells what is wrong and what to do. Fails when anything is. */
export const run: Run = async (invocation) => {
  const { options, settings } = invocation;
  const checked = await checkStoreAndModule(settings);
  checked.push(...checkSettings(settings));
  if (options.network === true) checked.push(...(await checkNetwork(settings)));
  const findings = checked.filter(({ severity }) => severity !== 'ok');
  const good = checked.filter(({ severity }) => severity === 'ok');
  const wrong = findings.filter(({ severity }) => severity !== 'info').length;
  const document = {
    ok: wrong === 0,
    findings,
    passed: good.map(({ code, message }) => ({ code, message })),
  };
  await respond(invocation, document, () => print(invocation, checked, wrong));
  return wrong === 0 ? undefined : 'PROBLEMS_FOUND';
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

async function print({ output }: Invocation, checked: readonly Finding[], wrong: number): Promise<void> {
  const { bold, cyan, dim, green, red, yellow } = await output.paint('stdout');
  const { unicode, width } = output;
  const marks = {
    ok: green(unicode ? say`✓` : say`ok`),
    info: cyan(unicode ? say`•` : say`note`),
    warning: yellow(unicode ? say`!` : say`warn`),
    error: red(unicode ? say`✗` : say`FAIL`),
  };
  const indent = unicode ? 2 : 5;
  for (const { severity, message, advice } of checked) {
    const text = severity === 'error' ? bold(visible(message)) : visible(message);
    const lines = await hanging(marks[severity], text, indent, width);
    if (advice !== '') lines.push(...(await hanging(say``, dim(visible(advice)), indent, width)));
    output.line(joined(lines, say`\n`));
  }
  output.line();
  const notes = checked.filter(({ severity }) => severity === 'info').length;
  const aside = notes === 0 ? '' : say`, ${counted(notes, 'note')}`;
  if (wrong > 0) await printText(output, red(say`${counted(wrong, 'problem')} found.`));
  else await printText(output, green(say`No problems found${aside}.`));
}
