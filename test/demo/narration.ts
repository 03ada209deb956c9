/** Tells the demo: chapters, what the terminal showed, and what was checked. */
import kleur from 'kleur';
import type { Ran } from '../support/cli.ts';

export interface Narration {
  chapter(title: string): void;
  say(text: string): void;
  terminal(args: readonly string[], ran: Ran): void;
  check(holds: boolean, what: string): void;
  /** Says how it went; 0 when everything held. */
  end(): 0 | 1;
}

/** Writes to stdout. */
export function openNarration(): Narration {
  const started = performance.now();
  const failed: string[] = [];
  let checks = 0;
  const print = (text: string): void => void process.stdout.write(`${text}\n`);
  const indented = (text: string): string =>
    text
      .trimEnd()
      .split('\n')
      .map((line) => `  ${line}`)
      .join('\n');
  return {
    chapter: (title) => print(`\n${kleur.bold().cyan(title)}`),
    say: (text) => print(kleur.dim(`  ${text}`)),
    terminal: (args, { stdout, stderr }) => {
      print(kleur.bold(`  $ arcade ${args.join(' ')}`));
      for (const text of [stdout, stderr]) if (text !== '') print(indented(text));
    },
    check: (holds, what) => {
      checks += 1;
      if (!holds) failed.push(what);
      print(holds ? kleur.green(`  ✔ ${what}`) : kleur.red(`  ✘ ${what}`));
    },
    end: () => {
      const seconds = Math.round((performance.now() - started) / 1000);
      print(`\n${checks - failed.length} of ${checks} checks held, in ${seconds} s.`);
      for (const what of failed) print(kleur.red(`Not so: ${what}`));
      return failed.length === 0 ? 0 : 1;
    },
  };
}
