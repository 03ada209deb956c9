/** Damage to a database as disks do it, and what becomes of it. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import Database from 'better-sqlite3';
import type { Spool } from '../../src/usage/spool/spool.ts';
import { command, fillSpool, makeSpool } from './queue.ts';
import { type Sandbox, sandbox } from './sandbox.ts';

export const PAGE = 4096;

export interface Store {
  readonly home: Sandbox;
  /** Of usage.db, which holds all of its log. */
  readonly path: string;
  /** Page numbers, from 1, by the name of the table or index that begins there. */
  readonly roots: ReadonlyMap<string, number>;
}

/** A home in which one command was recorded, and so many other records wait. */
export function storeOf(t: TestContext, records: number): Store {
  const home = sandbox(t);
  const spool = makeSpool(home.directory);
  command(spool, Date.now(), {});
  spool.close();
  if (records > 0) fillSpool(home.directory, records);
  const path = join(home.directory, 'usage.db');
  const db = new Database(path);
  db.pragma('wal_checkpoint(TRUNCATE)');
  const rows = db.prepare('SELECT name, rootpage FROM sqlite_schema').all() as {
    name: string;
    rootpage: number;
  }[];
  db.close();
  return { home, path, roots: new Map(rows.map(({ name, rootpage }) => [name, rootpage])) };
}

/** Writes over a part of a file. */
export function overwrite(path: string, from: number, bytes: number): void {
  const content = readFileSync(path);
  content.fill(0xff, from, Math.min(content.length, from + bytes));
  writeFileSync(path, content);
}

/** Writes over whole pages, numbered from 1. */
export function overwritePages(path: string, ...pages: (number | undefined)[]): void {
  for (const page of pages) overwrite(path, ((page ?? 0) - 1) * PAGE, PAGE);
}

/** Writes one page over another. */
export function copyPage(path: string, from = 0, to = 0): void {
  const content = readFileSync(path);
  content.copyWithin((to - 1) * PAGE, (from - 1) * PAGE, from * PAGE);
  writeFileSync(path, content);
}

/** Runs SQL on a database as nobody but its owner could. */
export function change(path: string, sql: string): void {
  const db = new Database(path);
  db.pragma('ignore_check_constraints = ON');
  db.exec(sql);
  db.close();
}

/** The pages that hold rows of `record`, in the order of their ids, and the ids on each. */
export function leavesOfRecords(path: string): { page: number; ids: number[] }[] {
  const db = new Database(path, { readonly: true });
  const leaves = db
    .prepare(
      `SELECT pageno AS page, path FROM dbstat WHERE name = 'record' AND pagetype = 'leaf' ORDER BY path`,
    )
    .all() as { page: number }[];
  const ids = db.prepare('SELECT id FROM record ORDER BY id').pluck().all() as number[];
  const cells = db
    .prepare(
      `SELECT pageno AS page, ncell FROM dbstat WHERE name = 'record' AND pagetype = 'leaf' ORDER BY path`,
    )
    .all() as { page: number; ncell: number }[];
  db.close();
  let next = 0;
  return leaves.map(({ page }, i) => {
    const count = cells[i]?.ncell ?? 0;
    next += count;
    return { page, ids: ids.slice(next - count, next) };
  });
}

/** The spool as a flusher or a command opens it; closed when the test ends. */
export function openSound(t: TestContext, { directory }: Sandbox): Spool {
  const spool = makeSpool(directory);
  t.after(() => spool.close());
  return spool;
}

/** The databases that were set aside. */
export function asideIn({ directory }: Sandbox): string[] {
  return readdirSync(directory).filter((name) => /^usage\.db\.(damaged|recovered)-\d+$/.test(name));
}

/** The counters; throws where the law of conservation does not hold, or they do not agree with the rows. */
export function ledgerOf(spool: Spool): Record<string, number> {
  const rows = spool.statement('SELECT name, value FROM ledger').all() as { name: string; value: number }[];
  const ledger = Object.fromEntries(rows.map(({ name, value }) => [name, value]));
  const gone = rows
    .filter(({ name }) => name.startsWith('dropped.'))
    .reduce((sum, { value }) => sum + value, 0);
  const { recorded = 0, delivered = 0, pending = 0, quarantined = 0, purged = 0 } = ledger;
  assert.equal(recorded, delivered + pending + quarantined + purged + gone);
  for (const state of ['pending', 'quarantined'])
    assert.equal(
      spool.statement('SELECT count(*) FROM record WHERE state = ?').pluck().get(state),
      ledger[state],
      state,
    );
  return ledger;
}
