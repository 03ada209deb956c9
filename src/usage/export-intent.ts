/** Notes of what is about to be written to usage.json: after a crash its text is known to be ours. */
import { readText } from './shared-file.ts';
import { type Spool, sharedFile } from './spool.ts';

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
  const noted = findIntent(spool, text);
  return (
    readText(sharedFile(spool.directory)) === text || (noted !== undefined && noted.replaces === replaces)
  );
}

/** The note of that text, if there is one. */
export function findIntent(spool: Spool, text: string): Intent | undefined {
  const sql = 'SELECT text, replaces FROM export_intent WHERE text = ?';
  return spool.statement(sql).get(text) as Intent | undefined;
}
