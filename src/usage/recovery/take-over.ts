/**
 * What a new database must know of the damaged one before it has an event of its own: its identities and what is known
 * of their credentials, how far earlier recoveries have come, and the last id.
 */
import { birthOf, type Spool } from '../spool/spool.ts';
import { type Damaged, lastId, type Row, read } from './damaged.ts';

/** An identity of the damaged database. */
interface Owner {
  readonly anonId: string;
  /** Ours with this anon_id has seen the same credentials, or is never linked. */
  readonly isSafe: boolean;
}

/**
 * Takes over what can be read of the database at `path` and is not here yet; inside a transaction. Returns whose its
 * records are, by the ids that its identities have there.
 */
export function takeOver(spool: Spool, damaged: Damaged, path: string): ReadonlyMap<unknown, Owner> {
  const identities = read(damaged, 'SELECT * FROM identity ORDER BY id');
  takeOverIdentities(spool, identities, birthOf(path));
  for (const table of ['account', 'recovery']) {
    const insert = inserterInto(spool, table);
    for (const row of read(damaged, `SELECT * FROM ${table}`)) insert(row);
  }
  spool
    .statement(
      `INSERT INTO sqlite_sequence (name, seq) SELECT 'record', @last
       WHERE @last > 0 AND NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'record')`,
    )
    .run({ last: lastId(damaged) });
  const isDangerous = spool.statement(
    'SELECT 1 FROM current_identity WHERE anon_id = @anon_id AND fingerprint IS NOT @fingerprint',
  );
  return new Map(
    identities.map((row) => {
      const isSafe = isDangerous.get(row) === undefined;
      return [row.id, { anonId: String(row.anon_id), isSafe }] as const;
    }),
  );
}

/**
 * While one of ours holds, those of the damaged database have had their time. Where an identity is at home goes on to
 * the new database; that it is a copy does, too.
 */
function takeOverIdentities(spool: Spool, identities: readonly Row[], birth: string | null): void {
  const known = spool.statement('SELECT anon_id FROM identity').pluck().all();
  const holds = spool.statement('SELECT 1 FROM current_identity').get() !== undefined;
  const insert = inserterInto(spool, 'identity');
  for (const row of identities.filter(({ anon_id }) => !known.includes(anon_id)))
    insert({
      ...row,
      id: null,
      birth: row.birth === birth ? spool.birth : (row.birth ?? null),
      retired_at: row.retired_at ?? (holds ? Date.now() : null),
    });
}

/**
 * Puts rows of a damaged database, which have the same columns, into a table of ours that may have others; inside a
 * transaction. The function that it returns tells whether the row is here now: damage that reads like a row has values
 * that no row may have.
 */
export function inserterInto(spool: Spool, table: string, onConflict = 'DO NOTHING'): (row: Row) => boolean {
  const ours = spool.statement('SELECT name FROM pragma_table_info(?)').pluck().all(table) as string[];
  let sql: string | undefined;
  return (row) => {
    const columns = sql === undefined ? ours.filter((name) => name in row) : [];
    sql ??= `INSERT INTO ${table} (${columns}) VALUES (${columns.map((name) => `@${name}`)}) ON CONFLICT ${onConflict}`;
    const insert = spool.statement(sql);
    return spool.savepoint(() => insert.run(row)) !== undefined;
  };
}
