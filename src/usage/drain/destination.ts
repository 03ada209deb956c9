/** Where records go, and whether that may be tried now. */
import { createHmac } from 'node:crypto';
import type { Destination } from '../../settings.ts';
import type { Installation, Spool } from '../spool/spool.ts';
import { type BackoffReason, isBackingOff } from './backoff.ts';

export interface Backoff {
  readonly since: number;
  readonly until: number;
  readonly reason: BackoffReason;
  readonly status: number | null;
  readonly streak: number;
  readonly hastened: number;
  readonly destination: string;
}

/** The stored back-off as far as it concerns this destination: another host or key starts afresh. */
export function backoffOf(spool: Spool, destination: string): Backoff | null {
  const row = spool.statement('SELECT * FROM backoff').get() as Backoff | undefined;
  return row !== undefined && row.destination === destination ? row : null;
}

/** The back-off that keeps us from trying at `now` (ms since the epoch), or null. */
export function backoffInForce(spool: Spool, destination: string, now: number): Backoff | null {
  const backoff = backoffOf(spool, destination);
  return backoff !== null && isBackingOff(backoff, now) ? backoff : null;
}

/** Names a destination in the spool without writing host or key into it. */
export function destinationId(installation: Installation, destination: Destination): string {
  const text = JSON.stringify([destination.host, destination.apiKey ?? null]);
  return createHmac('sha256', installation.fingerprint_key).update(text).digest('base64url');
}
