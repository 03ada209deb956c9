/** `arcade usage doctor` */

import { type Invocation, type Run, respond } from '../../invocation.ts';
import { joined, say, visible } from '../../terminal/visible.ts';
import { hanging, printText } from '../../terminal/wrap.ts';
import { checkStore } from '../../usage/inspect/doctor.ts';
import type { Finding } from '../../usage/spool/finding.ts';
import { checkNetwork } from './doctor-network.ts';
import { checkSettings } from './doctor-settings.ts';
import { counted } from './words.ts';

/** Checks everything, tells what is wrong and what to do. Fails when anything is. */
export const run: Run = async (invocation) => {
  const { options, settings } = invocation;
  const checked = await checkStore(settings, Date.now());
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
