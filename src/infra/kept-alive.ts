/**
 * From Node 24 on a process aborts when an object of better-sqlite3 12 is collected as garbage between two calls of the
 * program: its destructor asks for the environment of a context, and none is entered then. Objects that are never
 * collected end with the process, whose end runs no destructors.
 */
import type Sqlite from 'better-sqlite3';

/** Node 24's version of the interface for addons. */
const SINCE_ABI = 137;

const kept: unknown[] = [];

interface Native {
  prepare(...args: unknown[]): { iterate(...args: unknown[]): unknown };
}

/** Keeps a database and all that is made from it until the process ends, where that is needed. Returns it. */
export function keepAlive(db: Sqlite.Database): Sqlite.Database {
  if (Number(process.versions.modules) < SINCE_ABI) return db;
  kept.push(db);
  for (const native of Object.getOwnPropertySymbols(db).map((symbol) => Reflect.get(db, symbol))) {
    if (typeof native?.prepare === 'function') keepStatements(native);
  }
  return db;
}

function keepStatements(native: Native): void {
  const prepare = native.prepare.bind(native);
  native.prepare = (...args) => {
    const statement = prepare(...args);
    const iterate = statement.iterate.bind(statement);
    statement.iterate = (...values) => keep(iterate(...values));
    return keep(statement);
  };
}

function keep<T>(object: T): T {
  kept.push(object);
  return object;
}
