/** An event for a person to read: its JSON, coloured, with remarks beside what is not what it will be. */
import type { Output, Paint } from '../../terminal/output.ts';
import { type Safe, say, visible } from '../../terminal/visible.ts';

/** Prints an event. `remarks` are by the name of the field, wherever it stands. */
export function printEvent(
  output: Output,
  event: Readonly<Record<string, unknown>>,
  paint: Paint,
  remarks: ReadonlyMap<string, Safe> = new Map(),
): void {
  for (const line of JSON.stringify(event, null, 2).split('\n')) {
    const field = /^(\s*)("(?:[^"\\]|\\.)*"): (.*)$/.exec(line);
    if (field === null) {
      output.line(visible(line));
      continue;
    }
    const [, indent = '', name = '', value = ''] = field;
    const remark = remarks.get(JSON.parse(name) as string);
    const arrow = output.unicode ? say`←` : say`<-`;
    const aside = remark === undefined ? say`` : say`  ${paint.yellow(say`${arrow} ${remark}`)}`;
    output.line(say`${visible(indent)}${paint.cyan(visible(name))}: ${visible(value)}${aside}`);
  }
}
