/** KEY=VALUE as it is typed on the command line. */
import { type UserError, usageError } from '../errors.ts';

/** One secret to be set; `value` null: it is still to be asked for. */
export interface Assignment {
  readonly key: string;
  readonly value: string | null;
}

/**
 * Reads the argument at `position` (from 1). A key alone is an assignment without a value; the value keeps its
 * white space. Throws a usage error that never repeats the argument: it may be the secret itself.
 */
export function parseAssignment(argument: string, position: number): Assignment {
  const equals = argument.indexOf('=');
  const key = (equals < 0 ? argument : argument.slice(0, equals)).trim();
  const value = equals < 0 ? null : argument.slice(equals + 1);
  if (key === '' || (value !== null && value.trim() === '')) throw invalidAssignment(position);
  checkKey(key);
  return { key, value };
}

/** Throws a usage error for a key that cannot name a secret. */
export function checkKey(key: string): void {
  if (/\s/.test(key)) throw usageError(`Secret key '${key}' cannot contain spaces`, undefined, 'INVALID_KEY');
  // As a segment of a URL these two mean this and the parent collection, however they are encoded.
  if (key === '.' || key === '..')
    throw usageError(`Secret key '${key}' is not possible`, undefined, 'INVALID_KEY');
}

/** The error of an argument that is not KEY=VALUE. */
export function invalidAssignment(position: number): UserError {
  return usageError(
    `Invalid format (argument ${position}). Expected KEY=VALUE`,
    'A KEY alone asks for its value on a terminal; in a script use --stdin.',
    'INVALID_PAIR',
  );
}

/**
 * How a value may be shown: its last 4 characters when it has 12 or more, which then give little away;
 * otherwise nothing.
 */
export function tailOf(value: string): string | null {
  const characters = Array.from(value);
  return characters.length >= 12 ? characters.slice(-4).join('') : null;
}
