/** The names of secrets in files. On the command line a person may choose others. */

/** Whether a name from a file can be one: what else stands before a "=" is likely to be key material, or no name at all. */
export function isName(text: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_.-]*$/.test(text);
}

/** Credentials of Arcade itself, which an environment file holds for other programs. */
export const RESERVED = ['ARCADE_API_KEY', 'ARCADE_WORKER_SECRET'] as const;
