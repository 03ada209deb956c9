/** `arcade secret list` */

import type { Run } from '../../invocation.ts';
import { listSecrets } from '../../secrets/api.ts';
import { printTable } from '../../terminal/table.ts';
import { say } from '../../terminal/visible.ts';
import { connectEngine } from './engine.ts';

/** Shows keys and descriptions, sorted by key, never a value. The JSON has them in the server's order. */
export const run: Run = async (invocation) => {
  const { json, output } = invocation;
  const secrets = await listSecrets(await connectEngine(invocation));
  if (json) {
    output.json({
      secrets: secrets.map(({ key, type, description, lastAccessedAt, createdAt }) => ({
        key,
        type,
        description,
        last_accessed_at: lastAccessedAt,
        created_at: createdAt,
      })),
    });
    return;
  }
  if (secrets.length === 0) {
    output.line(say`No secrets are set. Set one with \`arcade secret set KEY\`.`);
    return;
  }
  const sorted = secrets.toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  const rows = sorted.map(({ key, type, description, lastAccessedAt, createdAt }) => [
    key,
    type ?? '-',
    description ?? '-',
    lastAccessedAt ?? 'Never',
    createdAt ?? '-',
  ]);
  output.line((await output.paint('stdout')).bold(say`Tool Secrets`));
  await printTable(output, ['Key', 'Type', 'Description', 'Last Accessed', 'Created At'], rows);
};
