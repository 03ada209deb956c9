/** What SQLite's errors mean. */
import Database from 'better-sqlite3';

/** What is there is no sound database of this program, though SQLite finds nothing wrong with it. */
export class DamagedError extends Error {}

/** True for every error of SQLite. */
export function isSqlite(error: unknown): error is InstanceType<typeof Database.SqliteError> {
  return error instanceof Database.SqliteError;
}

function codeOf(error: unknown): string {
  return isSqlite(error) ? error.code : '';
}

/** True for the errors of a file that is no sound database: what SQLite itself calls so, and DamagedError. */
export function isDamage(error: unknown): boolean {
  return error instanceof DamagedError || /^SQLITE_(CORRUPT|NOTADB)/.test(codeOf(error));
}

/** True for the errors of a statement that does not fit the schema, or its rows: one of them is not what it should be. */
export function isMisfit(error: unknown): boolean {
  const words =
    /^(no such (table|column|index)|(table|index|trigger) \S+ already exists|duplicate column name)/;
  return (
    isConstraint(error) || (isSqlite(error) && error.code === 'SQLITE_ERROR' && words.test(error.message))
  );
}

/** True for the error of a lock that another process holds. */
export function isBusy(error: unknown): boolean {
  return codeOf(error).startsWith('SQLITE_BUSY');
}

/** True for the error of a value that its column may not hold. */
export function isConstraint(error: unknown): boolean {
  return codeOf(error).startsWith('SQLITE_CONSTRAINT');
}

const WITHOUT_ADDON = new Set([
  'ERR_DLOPEN_FAILED',
  // By `--no-addons`, or `--permission` without `--allow-addons`.
  'ERR_DLOPEN_DISABLED',
  'ERR_ACCESS_DENIED',
  'MODULE_NOT_FOUND',
  'ERR_MODULE_NOT_FOUND',
]);

/** What to do about an error of SQLite's native module, which could not be loaded; undefined for any other error. */
export function adviceForAddon(error: unknown): string | undefined {
  const { code = '' } = error as NodeJS.ErrnoException;
  if (!WITHOUT_ADDON.has(code)) return undefined;
  return code === 'ERR_DLOPEN_DISABLED' || code === 'ERR_ACCESS_DENIED'
    ? 'Run Node without `--no-addons`, and beside `--permission` with `--allow-addons`.'
    : 'Reinstall arcade; if that does not help, see docs/systems.md for systems without a prebuilt module.';
}
