/** What `--since` names. */
import { usageError } from '../../errors.ts';

const UNITS_MS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
};

/** The moment that `--since` names, ms since the epoch: so long ago, or a date of the local calendar, as in `stats`. */
export function readSince(option: string, now: number): number {
  const text = option.trim();
  const ago = /^(\d+(?:\.\d+)?)\s*([smhdw])$/i.exec(text);
  if (ago !== null) return now - Number(ago[1]) * (UNITS_MS[(ago[2] ?? '').toLowerCase()] ?? 0);
  // JavaScript reads a date without a time as UTC, and one with a time as local.
  const at = isDay(text.slice(0, 10)) ? Date.parse(text.length === 10 ? `${text}T00:00` : text) : Number.NaN;
  if (!Number.isNaN(at)) return at;
  throw usageError('--since must be a duration such as 30m, 12h, 2d or 1w, or a date such as 2026-01-31.');
}

/** JavaScript reads the 30th of February as the 2nd of March. */
function isDay(text: string): boolean {
  const at = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(text) : Number.NaN;
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(text);
}
