/** What SQLite's errors mean. */
import Database from 'better-sqlite3';

/** What is there is no sound database of this program, though SQLite finds nothing wrong with it. */
export class DamagedError extends Error {}

/** Our statements fit our schema: where one does not, the schema is not what the migrations have made. */
const OTHER_SCHEMA =
  /^(no such (table|column|index)|(table|index|trigger) \S+ already exists|duplicate column name)/;

/** Our values are of their columns' types and bounds: where a row is refused for its own, it has been changed on the disk. */
const DAMAGE = /^SQLITE_(CORRUPT|NOTADB|CONSTRAINT_(DATATYPE|CHECK|NOTNULL)$)/;

/** True for the errors of a file that is no sound database. */
export function isDamage(error: unknown): boolean {
  if (error instanceof DamagedError) return true;
  if (!(error instanceof Database.SqliteError)) return false;
  return DAMAGE.test(error.code) || isOtherSchema(error);
}

/** True for the errors of a schema that is not the one that our statements are for. */
export function isOtherSchema(error: unknown): boolean {
  return (
    error instanceof Database.SqliteError && error.code === 'SQLITE_ERROR' && OTHER_SCHEMA.test(error.message)
  );
}

/** True for the error of a lock that another process holds. */
export function isBusy(error: unknown): boolean {
  return error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY');
}

/** True for the error of a value that its column may not hold. */
export function isConstraint(error: unknown): boolean {
  return error instanceof Database.SqliteError && error.code.startsWith('SQLITE_CONSTRAINT');
}
