/** What a home has recorded, by the program's own views and by the bytes on its disk. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inside } from './inside.ts';
import type { Sandbox } from './sandbox.ts';

/** Of each record, oldest first: the command, and the code of its failure or null. */
export async function recorded(home: Sandbox): Promise<[command: string, failure: string | null][]> {
  const { stdout } = await inside(home, ['usage', 'export']);
  const rows = stdout.split('\n').filter((line) => line !== '');
  return rows.map((line) => {
    const { event, command_name, payload } = JSON.parse(line);
    if (event !== 'CLI execution failed') return [command_name, null];
    const { properties } = payload;
    const isOfIt = properties.command_name === command_name;
    return [command_name, `${properties.error_code}${isOfIt ? '' : ' of another command'}`];
  });
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
