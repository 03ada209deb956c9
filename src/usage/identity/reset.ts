/** Starting over because the person says so. */
import type { Spool } from '../spool/spool.ts';
import { exportIdentity } from './export.ts';
import { ANY_CREDENTIALS, follow, startAfresh } from './identities.ts';

/** Retires the current identity for good and begins a blank one. Returns its anon_id. Throws what the database throws. */
export function resetIdentity(spool: Spool, now: number): string {
  const anonId = spool.transaction(() => {
    follow(spool, ANY_CREDENTIALS, now);
    return startAfresh(spool, now);
  });
  exportIdentity(spool, now);
  return anonId;
}
