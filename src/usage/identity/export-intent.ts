/** Notes of what is about to be written to usage.json: after a crash its text is known to be ours. */

import { type Spool, sharedFile } from '../spool/spool.ts';
import { isSpent } from './identity-rows.ts';
import { readText, understand } from './usage-json.ts';

export interface Intent {
  readonly text: string;
  /** What another program has written there; null when that cannot be understood anyway. */
  readonly replaces: string | null;
}

/** Notes of writes that never came, kept until they have certainly been looked for. */
const INTENTS_KEPT = 100;

/** Notes what is to be written. */
export function foresee(spool: Spool, intent: Intent): void {
  if (isForeseen(spool, intent)) return;
  const { text, replaces } = intent;
  spool.statement('INSERT OR REPLACE INTO export_intent (text, replaces) VALUES (?, ?)').run(text, replaces);
  spool
    .statement('DELETE FROM export_intent WHERE id <= (SELECT max(id) FROM export_intent) - ?')
    .run(INTENTS_KEPT);
}

/** Whether it has been noted. What is there already can be written again without a trace. */
export function isForeseen(spool: Spool, { text, replaces }: Intent): boolean {
  if (readText(sharedFile(spool.directory)) === text || isSame(text, replaces)) return true;
  const noted = findIntent(spool, text);
  return noted !== undefined && noted.replaces === replaces;
}

function isSame(text: string, replaces: string | null): boolean {
  const [one, other] = [understand(text), understand(replaces ?? '')];
  return one?.anonId === other?.anonId && one?.principalId === other?.principalId;
}

interface Origin {
  readonly text: string;
  /** It is also what a transaction of ours was about to write. */
  readonly undone: boolean;
}

/**
 * What counts of a text that is found in usage.json. Of one that a transaction of ours left there, which a crash
 * then undid, what it replaced counts; but a link of an anon_id that is not spent stands, for the other program
 * may have written the very same.
 */
export function originOf(spool: Spool, text: string): Origin {
  const seen = new Set<string>();
  for (let origin = text; ; ) {
    const intent = findIntent(spool, origin);
    if (intent === undefined) return { text: origin, undone: false };
    const shared = understand(origin);
    const isLink = shared !== undefined && shared.principalId !== null && !isSpent(spool, shared.anonId);
    if (isLink || seen.has(origin)) return { text: origin, undone: true };
    seen.add(origin);
    origin = intent.replaces ?? '';
  }
}

function findIntent(spool: Spool, text: string): Intent | undefined {
  const sql = 'SELECT text, replaces FROM export_intent WHERE text = ?';
  return spool.statement(sql).get(text) as Intent | undefined;
}
