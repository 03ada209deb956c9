/** usage.off: there while the person has said `usage disable`, readable without the database. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** A lost or damaged database must not forget it. */
export const optOutFile = (directory: string): string => join(directory, 'usage.off');

/** Whether `usage disable` holds, as far as that can be told without opening the database. */
export function isOptedOut(directory: string | undefined): boolean {
  return directory !== undefined && existsSync(optOutFile(directory));
}
