/** What a home has recorded, by the program's own views and by the bytes on its disk. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { arcade } from './cli.ts';
import type { Sandbox } from './sandbox.ts';

/** Of each event, oldest first: the command, and the code of its failure or null. */
export async function recorded(home: Sandbox): Promise<[command: string, failure: string | null][]> {
  const { stdout } = await arcade(home, ['usage', 'list', '--json']);
  const { records } = JSON.parse(stdout) as {
    records: { id: number; event: string; command_name: string }[];
  };
  const codes = records.map(async ({ id, event, command_name }) => {
    if (event !== 'CLI execution failed') return null;
    const shown = await arcade(home, ['usage', 'show', String(id), '--json']);
    const { properties } = JSON.parse(shown.stdout).payload;
    return `${properties.error_code}${properties.command_name === command_name ? '' : ' of another command'}`;
  });
  const failures = await Promise.all(codes);
  return records.map(({ command_name }, i) => [command_name, failures[i] ?? null]);
}

/** Whether any of the texts is anywhere in what was recorded. */
export function keptAny(home: Sandbox, texts: readonly string[]): string | undefined {
  const files = readdirSync(home.directory).filter((name) => name.startsWith('usage'));
  const bytes = Buffer.concat(files.map((name) => readFileSync(join(home.directory, name))));
  return texts.find((text) => bytes.includes(text));
}

/** The notice is shown once in the life of a home, and by whichever command comes first. */
export function withoutNotice(stderr: string): string {
  return stderr.replace(/Arcade collects CLI usage data .*\n/, '');
}
