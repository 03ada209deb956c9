/** Many lines of a result: written in groups, for each write is a call to the system. */
import type { Output } from '../../cli/output.ts';

const AT_ONCE = 100;

interface Lines {
  line(text: string): void;
  /** Writes what is left. */
  end(): void;
}

/** Takes lines and writes them as they fill a group. */
export function openLines(output: Output): Lines {
  let group: string[] = [];
  const end = (): void => {
    if (group.length > 0) output.line(group.join('\n'));
    group = [];
  };
  return {
    end,
    line(text) {
      group.push(text);
      if (group.length >= AT_ONCE) end();
    },
  };
}

/** Writes all these lines. */
export function printLines(output: Output, all: Iterable<string>): void {
  const lines = openLines(output);
  for (const text of all) lines.line(text);
  lines.end();
}
