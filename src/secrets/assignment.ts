/** KEY=VALUE as it is typed on the command line. */
import { type UserError, usageError } from '../errors.ts';

/** One secret to be set; `value` null: it is still to be read. */
export interface Assignment {
  readonly key: string;
  readonly value: string | null;
}

/**
 * Reads the argument at `position` (from 1). A key alone is an assignment without a value; the value keeps its
 * white space. Throws a usage error that never repeats what may be the secret itself.
 */
export function parseAssignment(argument: string, position: number): Assignment {
  const equals = argument.indexOf('=');
  const key = withoutMark((equals < 0 ? argument : argument.slice(0, equals)).trim());
  const value = equals < 0 ? null : withoutMark(argument.slice(equals + 1));
  // White space and no value: more likely a passphrase than a key. And nothing but "=" is how base64 ends.
  if (key !== '' && value?.trim() === '') throw invalidAssignment(position, EMPTY_HINT);
  if (key === '' || (value === null && /\s/.test(key)) || /^=+$/.test(value ?? ''))
    throw invalidAssignment(position);
  // Node puts U+FFFD for bytes that are not UTF-8: the secret would be another one.
  if (argument.includes('\ufffd')) {
    const hint = 'Encode binary values first, for example with base64.';
    throw usageError(`Argument ${position} is not UTF-8 text.`, hint, 'INVALID_VALUE');
  }
  checkKey(key, position);
  return { key, value };
}

function withoutMark(text: string): string {
  return text.replace(/^\ufeff/, '');
}

/** Throws a usage error for a key that cannot name a secret. */
function checkKey(key: string, position: number): void {
  // A key as people choose them is named; what came before the first "=" of something else is not.
  const shown = /^[\w .-]{1,64}$/.test(key) ? `'${key}'` : `(argument ${position})`;
  if (/\s/.test(key)) throw invalidKey(`Secret key ${shown} cannot contain spaces`);
  if (/[\p{Cc}\p{Default_Ignorable_Code_Point}]/u.test(key)) {
    throw invalidKey(`Secret key ${shown} cannot contain invisible characters`);
  }
  // As a segment of a URL these two mean this and the parent collection, however they are encoded.
  if (key === '.' || key === '..') throw invalidKey(`Secret key ${shown} is not allowed`);
}

function invalidKey(message: string): UserError {
  return usageError(message, undefined, 'INVALID_KEY');
}

const EMPTY_HINT = 'The value is empty. To delete a secret, run `arcade secret unset KEY`.';

/** The error of an argument that is not KEY=VALUE. */
export function invalidAssignment(
  position: number,
  hint = 'KEY alone prompts for the value on a terminal, and reads it from standard input otherwise.',
): UserError {
  return usageError(`Invalid format (argument ${position}). Expected KEY=VALUE`, hint, 'INVALID_PAIR');
}

/** The error of a value that stands behind its key, as an argument of its own. Only what looks like a name is repeated. */
export function keyWithoutValue(key: string, value: string): UserError {
  const shown = (text: string, otherwise: string): string =>
    /^[A-Z][A-Z_]{0,15}$/.test(text) ? text : otherwise;
  const hint = `Did you mean ${shown(key, 'KEY')}=${shown(value, 'VALUE')}?`;
  return usageError('Expected KEY=VALUE.', hint, 'INVALID_PAIR');
}

/**
 * How a value may be shown: its last 4 characters when it has 12 or more, which then give little away;
 * otherwise nothing. White space around it, such as the line end of a key file, does not count.
 */
export function tailOf(value: string): string | null {
  const characters = Array.from(value.trim());
  return characters.length >= 12 ? characters.slice(-4).join('') : null;
}
