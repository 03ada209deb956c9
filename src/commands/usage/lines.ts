/** Many lines of a result: written in groups, for each write is a call to the system. */
import type { Output } from '../../terminal/output.ts';
import { joined, type Safe, say } from '../../terminal/visible.ts';

const AT_ONCE = 100;

/** Writes all these lines. */
export function printLines(output: Output, lines: readonly Safe[]): void {
  for (let i = 0; i < lines.length; i += AT_ONCE) output.line(joined(lines.slice(i, i + AT_ONCE), say`\n`));
}
