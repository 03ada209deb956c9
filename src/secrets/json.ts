/** A JSON object of secrets. */
import { UserError } from '../errors.ts';
import { isDamaged } from '../infra/text.ts';
import { isName } from './names.ts';
import type { Warning } from './warnings.ts';

interface JsonSecrets {
  readonly entries: Map<string, string>;
  /** Entries are counted, not lines. */
  readonly warnings: Warning[];
}

/**
 * Reads one object of strings, numbers and booleans; a number stays as it is written. Throws `ENV_FILE_MALFORMED` for
 * anything else, without repeating what it says.
 */
export function parseJson(text: string): JsonSecrets {
  const object = read(text);
  const entries = new Map<string, string>();
  const warnings: Warning[] = [];
  for (const [i, [name, value]] of Object.entries(object).entries()) {
    const at = i + 1;
    if (typeof value !== 'string')
      throw malformed(`has a value in entry ${at} that is not a string, a number or a boolean`);
    const content = value.replace(/^\ufeff/, '');
    if (content.includes('\0')) throw malformed(`has a NUL character in entry ${at}`);
    if (isDamaged(name) || isDamaged(content)) throw malformed(`is not valid text in entry ${at}`);
    if (!isName(name)) warnings.push({ at, reason: 'invalid-name' });
    else if (content.trim() === '') warnings.push({ at, reason: 'empty-value' });
    else entries.set(name, content);
  }
  return { entries, warnings };
}

/** A reviver is given the source of each value, which keeps numbers from being rounded. */
type Parse = (
  text: string,
  reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
) => unknown;

function read(text: string): object {
  let value: unknown;
  try {
    value = (JSON.parse as Parse)(text, (_key, each, { source }) =>
      typeof each === 'number' || typeof each === 'boolean' ? source : each,
    );
  } catch (error) {
    // The rest of the message quotes the file.
    const line = /\(line (\d+) column \d+\)/.exec(String(error))?.[1];
    throw malformed(line === undefined ? 'is not valid JSON' : `is not valid JSON: see line ${line}`);
  }
  return value as object;
}

function malformed(what: string): UserError {
  return new UserError('ENV_FILE_MALFORMED', `The environment file begins with "{", but ${what}.`, {
    hint: 'Write one JSON object of strings, numbers and booleans, or one KEY=VALUE per line.',
  });
}
