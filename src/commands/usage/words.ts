/** Times, lengths and numbers in words. */

import type { Paint } from '../../terminal/output.ts';
import { type Safe, say, visible } from '../../terminal/visible.ts';
import type { Attempt, RecordSummary } from '../../usage/inspect/records.ts';

/** An instant in ISO 8601 for JSON; null for one that no calendar has, which a damaged database may hold. */
export function isoTime(at: number): string | null {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}

/** A document for JSON: its moments, ms since the epoch in fields such as `at`, `until` and `ended_at`, in ISO 8601. */
export function withIsoTimes<T>(document: T): unknown {
  const isTime = /^(at|since|until)$|_at$/;
  return JSON.parse(
    JSON.stringify(document, (name, value: unknown) =>
      typeof value === 'number' && isTime.test(name) ? isoTime(value) : value,
    ),
  );
}

/** An instant to read: "2026-01-31 12:00:05", in UTC. */
export function utcTime(at: number): Safe {
  return (isoTime(at)?.slice(0, 19).replace('T', ' ') ?? 'unknown time') as Safe;
}

/** How long ago, or ahead, in words: "3 min ago", "in 40 s". `at` and `now` in ms. */
export function relativeTime(at: number, now: number): Safe {
  const words = inWords(Math.abs(now - at));
  if (words === '0 s') return say`now`;
  return at <= now ? say`${words} ago` : say`in ${words}`;
}

/** A length of time in words, two digits or so of it. */
export function inWords(ms: number): Safe {
  const seconds = Math.round(ms / 1000);
  if (seconds < 90) return say`${seconds} s`;
  if (seconds < 90 * 60) return say`${Math.round(seconds / 60)} min`;
  if (seconds < 36 * 3600) return say`${Math.round(seconds / 3600)} h`;
  return say`${Math.round(seconds / 86_400)} days`;
}

/** A short time with its unit: "85 ms", "1.2 s", "3 min". */
export function shortly(ms: number): Safe {
  if (ms < 1000) return say`${Math.round(ms)} ms`;
  return ms < 10_000 ? say`${(ms / 1000).toFixed(1) as Safe} s` : inWords(ms);
}

/** A number as people write it: "1,200". */
export function digits(value: number): Safe {
  return value.toLocaleString('en') as Safe;
}

/** A number with its noun: "1 event", "2 events". */
export function counted(number: number, noun: string): Safe {
  return say`${digits(number)} ${visible(noun)}${number === 1 ? say`` : say`s`}`;
}

/** What a record is of: a command, or the link of an identity. */
export function whatOf({ kind, command_name, event }: RecordSummary): string {
  return kind === 'alias' ? 'alias' : (command_name ?? event);
}

/** How the command of a record ended. */
export function outcomeOf({ kind, event }: RecordSummary): string {
  return kind === 'alias' ? '' : event === 'CLI execution failed' ? 'failed' : 'succeeded';
}

/** A request that had the record in it, and what came of it. */
export function attemptInWords(attempt: Attempt, now: number, { green, red }: Paint): Safe {
  const { at, outcome, status, duration_ms } = attempt;
  const shown = (outcome === 'accepted' ? green : red)(visible(outcome));
  const response = status === null ? say`no response` : say`status ${status}`;
  return say`${shown}, ${response} after ${shortly(duration_ms)}, ${relativeTime(at, now)}`;
}
