/** Whether the schema is what the migrations make. */
import type { Settings } from '../../settings.ts';
import type { Spool } from '../spool/spool.ts';
import { type Checked, passed } from './finding.ts';
import { openEmptyCopy } from './snapshot.ts';

/** Compares a copy of the spool with an empty one, statement by statement. */
export function checkSchema(spool: Spool, { program }: Settings): Checked {
  const sql = `SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY type, name`;
  const pristine = openEmptyCopy(spool.directory, program.migrations);
  try {
    const known = new Map(
      (pristine.statement(sql).all() as SchemaRow[]).map((row) => [`${row.type} ${row.name}`, row.sql]),
    );
    const found = new Map(
      (spool.statement(sql).all() as SchemaRow[]).map((row) => [`${row.type} ${row.name}`, row.sql]),
    );
    const different = [...new Set([...known.keys(), ...found.keys()])].filter(
      (key) => known.get(key) !== found.get(key),
    );
    if (different.length === 0) return passed('schema', 'The schema is as this program makes it.');
    return {
      code: 'schema',
      severity: 'error',
      message: `The schema is not as this program makes it: ${different.join(', ')}.`,
      advice:
        'Somebody has changed the database by hand. Move usage.db away; the next command makes a new one.',
    };
  } finally {
    pristine.close();
  }
}

interface SchemaRow {
  readonly type: string;
  readonly name: string;
  readonly sql: string | null;
}
