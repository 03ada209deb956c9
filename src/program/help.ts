/** Help, laid out from the table of commands for the width of the terminal. No word is broken. */
import type { Output } from '../terminal/output.ts';
import { type Safe, say, visible } from '../terminal/visible.ts';
import { hanging, wrapped } from '../terminal/wrap.ts';
import { COMMANDS, GLOBAL_OPTIONS, GROUPS, optionsOf, subcommandsOf } from './commands.ts';
import { FEW_CHOICES } from './misuse.ts';
import type { Command, Group, Option } from './spec.ts';

/** Columns in a pipe, and at most on a terminal: longer lines are hard to read. */
const WIDTH = 80;
const MAX_WIDTH = 100;
/** With less room beside the names, descriptions stand below them. */
const MIN_BESIDE = 28;

/** Prints the help of the program (''), a group or a command. */
export async function printHelp(words: string, output: Output): Promise<void> {
  const paint = await output.paint('stdout');
  const page: Page = {
    width: Math.min(output.width ?? WIDTH, MAX_WIDTH),
    bold: (text) => paint.bold(text),
    lines: [],
  };
  const command = COMMANDS.get(words);
  if (words === '') await rootHelp(page);
  else if (command !== undefined) await commandHelp(page, words, command);
  else await groupHelp(page, words, GROUPS.get(words) as Group);
  for (const line of page.lines) output.line(line);
}

interface Page {
  readonly width: number;
  readonly bold: (text: Safe) => Safe;
  readonly lines: Safe[];
}

type Row = readonly [name: string, text: string];

async function rootHelp(page: Page): Promise<void> {
  const everyday = [...COMMANDS].filter(([, { everyday: is }]) => is === true).map(([words]) => words);
  const single = subcommandsOf('').filter((words) => !GROUPS.has(words) && !everyday.includes(words));
  const groups = [...GROUPS].filter(([words]) => words !== '');
  await paragraph(page, GROUPS.get('')?.describe ?? []);
  await usage(page, '<command> [options]');
  await section(page, 'Everyday commands', everyday.map(summaryRow));
  await section(page, 'More', [
    ...groups.map(
      ([words, { alias, describe }]): Row => [alias ? `${words}, ${alias}` : words, describe[0] ?? ''],
    ),
    ...single.map(summaryRow),
  ]);
  page.lines.push(say``);
  await paragraph(page, [
    `Every command takes ${GLOBAL_OPTIONS.map(({ name }) => `--${name}`).join(', ')} and --help.`,
    'Run `arcade help <command>` for more.',
  ]);
}

async function groupHelp(page: Page, words: string, group: Group): Promise<void> {
  await paragraph(page, group.describe);
  await usage(page, `${words} ${group.runs === undefined ? '<command>' : '[command]'} [options]`);
  await section(
    page,
    'Commands',
    subcommandsOf(words).map((name): Row => [name, summaryOf(`${words} ${name}`)]),
  );
  await options(page, group.options, words);
  await examples(page, group.examples);
  page.lines.push(say``);
  await paragraph(page, [`Run \`arcade help ${words} <command>\` for the options of a command.`]);
}

async function commandHelp(page: Page, words: string, command: Command): Promise<void> {
  await paragraph(page, command.describe);
  const { usage: positionals = '', verbatim } = command;
  const rest = verbatim === true ? `[options] -- ${positionals}` : `${positionals} [options]`;
  await usage(page, `${words} ${rest.trim()}`);
  await options(
    page,
    optionsOf(words).filter((option) => !GLOBAL_OPTIONS.includes(option)),
    words,
  );
  await examples(page, command.examples);
  await section(page, 'Exit codes', [
    ['0', 'done'],
    ['1', command.fails ?? 'failed'],
    ['2', 'wrong usage'],
    ['130', 'interrupted with Ctrl-C (143 by SIGTERM, 129 by SIGHUP)'],
  ]);
}

function summaryRow(words: string): Row {
  return [words, summaryOf(words)];
}

function summaryOf(words: string): string {
  return (COMMANDS.get(words) ?? GROUPS.get(words))?.describe[0] ?? '';
}

async function paragraph({ lines, width }: Page, sentences: readonly string[]): Promise<void> {
  for (const sentence of sentences) lines.push(...(await wrapped(visible(sentence), width)));
}

async function usage({ lines, width, bold }: Page, line: string): Promise<void> {
  lines.push(say``, ...(await hanging(say`${bold(say`Usage:`)} arcade `, visible(line), 14, width)));
}

async function options(page: Page, own: readonly Option[], words: string): Promise<void> {
  await section(page, 'Options', own.map(optionRow));
  for (const { name, choices = [] } of own)
    if (choices.length > FEW_CHOICES) {
      page.lines.push(say``, page.bold(say`Values of ${visible(`--${name}`)}`));
      page.lines.push(...(await hanging(say``, visible(choices.join(', ')), 2, page.width)));
    }
  const global = optionsOf(words).filter((option) => GLOBAL_OPTIONS.includes(option));
  await section(page, own.length === 0 ? 'Options' : 'Options of every command', [
    ...global.map(optionRow),
    [`${own.some(({ short }) => short === 'h') ? '    ' : '-h, '}--help`, 'Show this help'],
  ]);
}

function optionRow(option: Option): Row {
  const { name, short, value, describe, default: unless } = option;
  const flags = `${short === undefined ? '    ' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`;
  return [flags, unless === undefined ? describe : `${describe} (default ${unless})`];
}

async function examples({ lines, width, bold }: Page, list: readonly string[]): Promise<void> {
  lines.push(say``, bold(say`Examples`));
  for (const example of list) lines.push(...(await hanging(say`  arcade `, visible(example), 9, width)));
}

/** Names with what they are: beside them, or below them where that would be too narrow. */
async function section({ lines, width, bold }: Page, title: string, rows: readonly Row[]): Promise<void> {
  if (rows.length === 0) return;
  lines.push(say``, bold(visible(title)));
  const beside = Math.max(...rows.map(([name]) => name.length)) + 4;
  for (const [name, text] of rows) {
    const label = say`  ${visible(name)}`;
    if (width - beside >= MIN_BESIDE) lines.push(...(await hanging(label, visible(text), beside, width)));
    else lines.push(label, ...(await hanging(say``, visible(text), 8, width)));
  }
}
