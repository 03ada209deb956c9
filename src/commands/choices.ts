/** Shows organizations or projects. */
import type { Choice } from '../auth/coordinator.ts';
import type { Output } from '../terminal/output.ts';
import { tableLines } from '../terminal/table.ts';
import type { Safe } from '../terminal/visible.ts';

/** What scripts are shown of a choice. */
export function choiceFields({ id, name, isDefault }: Choice, active: string | null) {
  return { id, name, default: isDefault, active: id === active };
}

/** Prints the choices as a table. */
export async function printChoices(
  output: Output,
  title: Safe,
  choices: readonly Choice[],
  active: string | null,
): Promise<void> {
  const paint = await output.paint('stdout');
  const rows = choices.map(({ id, name, isDefault }) => [
    name,
    id,
    isDefault ? 'yes' : '',
    id === active ? 'yes' : '',
  ]);
  output.line(paint.bold(title));
  for (const line of await tableLines(['Name', 'ID', 'Default', 'Active'], rows, {
    width: output.width,
    unicode: output.unicode,
    paint,
  })) {
    output.line(line);
  }
}
