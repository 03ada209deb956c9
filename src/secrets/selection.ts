/** Which names of a file are meant: `--only` and `--exclude`. */
import { usageError } from '../errors.ts';

/** A name or a pattern, in which `*` stands for any text and `?` for one character. */
interface Pattern {
  readonly text: string;
  matches(name: string): boolean;
}

export interface Selection {
  readonly only: readonly Pattern[] | undefined;
  readonly exclude: readonly Pattern[];
}

/** Reads the values of the two options: patterns with commas between them. Throws a usage error for an empty one. */
export function parseSelection(only: string | undefined, exclude: string | undefined): Selection {
  return {
    only: only === undefined ? undefined : parsePatterns('--only', only),
    exclude: exclude === undefined ? [] : parsePatterns('--exclude', exclude),
  };
}

export function isSelected({ only, exclude }: Selection, name: string): boolean {
  const isOne = ({ matches }: Pattern): boolean => matches(name);
  return (only?.some(isOne) ?? true) && !exclude.some(isOne);
}

/** The patterns that none of the names matches: most likely misspelt. */
export function unmatched({ only = [], exclude }: Selection, names: readonly string[]): string[] {
  return [...only, ...exclude].filter(({ matches }) => !names.some(matches)).map(({ text }) => text);
}

function parsePatterns(option: string, value: string): Pattern[] {
  return value.split(',').map((part) => {
    const text = part.trim();
    if (text === '')
      throw usageError(`Option '${option}' needs names or patterns, with commas between them.`);
    const escaped = text.replace(/[\\^$.+()[\]{}|]/g, '\\$&');
    const expression = new RegExp(`^${escaped.replace(/\*+/g, '.*').replaceAll('?', '.')}$`, 'su');
    return { text, matches: (name) => expression.test(name) };
  });
}
