/**
 * The file usage.json, which the Python CLI and Arcade's MCP servers read and write too:
 * `{"anon_id", "linked_principal_id"}`. Read with care: any program may have put anything there.
 */
import { type BigIntStats, lstatSync } from 'node:fs';
import { parseFields } from '../../infra/fields.ts';
import { readText } from '../../infra/os/files.ts';
import { isDistinctId } from '../event/event.ts';

/** What usage.json says. */
export interface SharedIds {
  readonly anonId: string;
  readonly principalId: string | null;
}

/** What the file at `path` says; undefined when it is missing, or names no anon_id that PostHog would take. */
export function readUsageJson(path: string): SharedIds | undefined {
  const { anon_id: anonId, linked_principal_id: principalId } = parseFields(readText(path) ?? '') ?? {};
  if (!isDistinctId(anonId)) return undefined;
  return { anonId, principalId: isDistinctId(principalId) ? principalId : null };
}

/** The text of usage.json, as the Python CLI writes it. */
export function usageJson({ anonId, principalId }: SharedIds): string {
  return JSON.stringify({ anon_id: anonId, linked_principal_id: principalId }, null, 2);
}

/** Tells one state of the file from another; null when there is none. */
export function stampOf(path: string): string | null {
  try {
    const { mtimeNs, size, ino }: BigIntStats = lstatSync(path, { bigint: true });
    return `${mtimeNs} ${size} ${ino}`;
  } catch {
    return null;
  }
}
