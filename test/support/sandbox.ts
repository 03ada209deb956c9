/** A home of its own for each test, removed afterwards. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import Database from 'better-sqlite3';
import { contextOf, type User } from './arcade/accounts.ts';
import type { IssuedTokens, TokenRequest } from './arcade/tokens.ts';
import type { Arcade } from './arcade.ts';
import { until } from './until.ts';

export interface Sandbox {
  readonly home: string;
  /** `.arcade` below it; made by the program, or by `write`. */
  readonly directory: string;
  /** Writes a file below `.arcade`. */
  write(name: string, content: string | Uint8Array): string;
  /** Writes credentials.yaml in the shape of an API key. */
  signInWithKey(apiKey: string, coordinatorUrl: string): void;
  /** Writes credentials.yaml as an OAuth login leaves it; `changes` are what is not as usual. Returns its tokens. */
  signIn(arcade: Arcade, user: User, changes?: TokenRequest & Partial<Login>): IssuedTokens;
  /** What usage.json says. */
  shared(): { readonly anon_id: string; readonly linked_principal_id: string | null };
  /** The names in the folder of spilled events. */
  spilled(): string[];
  /** Rows of the spool. */
  rows<T>(sql: string): T[];
  /** The write lock of the spool; closing it lets go. */
  hold(): Database.Database;
}

interface Login {
  readonly tokens: IssuedTokens;
  readonly email: string;
  readonly coordinatorUrl: string;
  readonly context: object | null;
}

/** Makes a sandbox that goes when the test does. */
export function sandbox(t: TestContext): Sandbox {
  const made = openSandbox();
  t.after(() => removeHome(made));
  return made;
}

/** Removes a sandbox; a flusher that is just ending may still put a file into it meanwhile. */
export async function removeHome({ home }: Sandbox): Promise<void> {
  const isRemoved = (): boolean => {
    try {
      rmSync(home, { recursive: true, force: true });
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw error;
      return false;
    }
  };
  await until(isRemoved, { what: `${home} to stay empty` });
}

/** Makes a sandbox that its caller removes with `removeHome`. */
export function openSandbox(): Sandbox {
  const home = mkdtempSync(join(tmpdir(), 'arcade-'));
  const directory = join(home, '.arcade');
  const write = (name: string, content: string | Uint8Array): string => {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const path = join(directory, name);
    writeFileSync(path, content, { mode: 0o600 });
    chmodSync(path, 0o600);
    return path;
  };
  const path = (name: string): string => join(directory, name);
  return {
    home,
    directory,
    write,
    shared: () => JSON.parse(readFileSync(path('usage.json'), 'utf8')),
    spilled: () => (existsSync(path('spill')) ? readdirSync(path('spill')) : []),
    rows: <T>(sql: string) => {
      const db = new Database(path('usage.db'), { readonly: true });
      try {
        return db.prepare(sql).all() as T[];
      } finally {
        db.close();
      }
    },
    hold: () => new Database(path('usage.db')).exec('BEGIN IMMEDIATE'),
    signInWithKey: (apiKey, coordinatorUrl) => {
      write('credentials.yaml', yaml({ api: { key: apiKey }, coordinator_url: coordinatorUrl }));
    },
    signIn: (arcade, user, changes = {}) => {
      const {
        email = user.email,
        coordinatorUrl = arcade.coordinator.url,
        context = contextOf(user),
      } = changes;
      const { tokens = arcade.issueTokens(user, changes) } = changes;
      const login = { auth: tokens, coordinator_url: coordinatorUrl, user: { email } };
      write('credentials.yaml', yaml(context === null ? login : { ...login, context }));
      return tokens;
    },
  };
}

/** JSON is YAML too. */
function yaml(cloud: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ cloud }, null, 2);
}
