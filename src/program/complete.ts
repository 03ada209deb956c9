/** What may stand next on a command line, from the table of commands. */
import type { Candidate, Completion } from '../invocation.ts';
import { COMMANDS, eventNameOf, GROUPS, optionsOf, subcommandsOf, wordsBelow } from './commands.ts';
import { mostOf } from './misuse.ts';
import type { Option } from './spec.ts';

/** Completes the last of `typed`, the words behind `arcade`; it is '' behind a blank. */
export function complete(typed: readonly string[]): Completion {
  const partial = typed.at(-1) ?? '';
  let words = '';
  let used = 0;
  let awaiting: Option | undefined;
  for (const [i, token] of typed.slice(0, -1).entries()) {
    if (awaiting !== undefined) {
      awaiting = undefined;
    } else if (token === '--' && COMMANDS.get(words)?.verbatim === true) {
      return complete(typed.slice(i + 1));
    } else if (token.startsWith('-')) {
      awaiting = optionsOf(words).find((option) => option.value !== undefined && isFlag(token, option));
    } else if (COMMANDS.get(words)?.verbatim === true) {
      return complete(typed.slice(i));
    } else if (COMMANDS.has(words)) {
      used += 1;
    } else {
      const below = wordsBelow(words, token);
      if (below === undefined && token !== 'help') return { candidates: [], values: null, prefix: '' };
      words = below ?? words;
    }
  }
  if (awaiting !== undefined) return valuesOf(awaiting, '');
  const attached = /^(--[^=]+)=/.exec(partial);
  const option = optionsOf(words).find((known) => isFlag(attached?.[1] ?? '', known));
  if (option !== undefined && attached !== null) return valuesOf(option, attached[0]);
  if (partial.startsWith('-')) return { candidates: flagsOf(words), values: null, prefix: '' };
  const command = COMMANDS.get(words);
  if (command === undefined) return { candidates: commandsBelow(words), values: null, prefix: '' };
  const isFull = used >= mostOf(command.usage ?? '');
  const candidates = isFull ? [] : (command.choices ?? []).map((value): Candidate => [value, '']);
  const values = isFull ? null : (command.completes ?? null);
  if (values === 'a command line') return complete([partial]);
  return { candidates, values, prefix: '' };
}

function isFlag(token: string, { name, short }: Option): boolean {
  return token === `--${name}` || (short !== undefined && token === `-${short}`);
}

function valuesOf({ choices = [], completes }: Option, prefix: string): Completion {
  if (completes === 'a command line') {
    const names = [...COMMANDS.keys()].map(eventNameOf).filter((name) => name !== null);
    return { candidates: names.map((name): Candidate => [`${prefix}${name}`, '']), values: null, prefix };
  }
  const candidates = choices.map((value): Candidate => [`${prefix}${value}`, '']);
  return { candidates, values: completes ?? null, prefix };
}

function flagsOf(words: string): Candidate[] {
  const flags = optionsOf(words).map(({ name, describe }): Candidate => [`--${name}`, describe]);
  return [...flags, ['--help', 'Show help']];
}

function commandsBelow(words: string): Candidate[] {
  const prefix = words === '' ? '' : `${words} `;
  const own = subcommandsOf(words).map((name): Candidate => {
    const key = `${prefix}${name}`;
    return [name, (COMMANDS.get(key) ?? GROUPS.get(key))?.describe[0] ?? ''];
  });
  if (words !== '') return own;
  const aliases = [...GROUPS].flatMap(([name, { alias }]): Candidate[] =>
    alias === undefined ? [] : [[alias, `Another name of ${name}`]],
  );
  return [...own, ...aliases, ['help', 'Show the help of a command']];
}
