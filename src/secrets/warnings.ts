/** What is said about a file of secrets, by number and never with its content. */

export interface Warning {
  /** Of a line, or of an entry of a JSON object; counted from 1. Of a value over several lines, the first. */
  readonly at: number;
  readonly reason: keyof typeof REASONS;
}

const REASONS = {
  'no-equals': 'no "=" (skipped)',
  'invalid-name':
    'invalid name (skipped); a name has letters, digits, "_", "." and "-", and begins with a letter or "_"',
  'empty-value': 'empty value (skipped)',
  'only-equals': 'the value is only "=", like the end of base64 (skipped)',
  'inner-quotes': 'nested quotes; the outermost pair was used',
  'text-after-quote': '"#" right after the closing quote; treated as a comment',
  'not-expanded': `\${...} or $(...) is not expanded; the value is sent as written`,
  'backslash-at-end': 'a backslash at the end does not join the next line',
} as const;

const MOST_NUMBERS = 10;

/** One line for each reason, with the first ten numbers. */
export function describeWarnings(warnings: readonly Warning[], unit: 'Line' | 'Entry'): string[] {
  const byReason = new Map<Warning['reason'], number[]>();
  for (const { at, reason } of warnings) {
    const numbers = byReason.get(reason) ?? [];
    numbers.push(at);
    byReason.set(reason, numbers);
  }
  return [...byReason].map(([reason, numbers]) => {
    const units = numbers.length === 1 ? unit : PLURAL[unit];
    return `${units} ${listed(numbers)}: ${REASONS[reason]}.`;
  });
}

const PLURAL = { Line: 'Lines', Entry: 'Entries' } as const;

function listed(numbers: readonly number[]): string {
  const texts = numbers.map((number) => number.toLocaleString('en'));
  const more = texts.length - MOST_NUMBERS;
  if (more > 0) texts.splice(MOST_NUMBERS, more, `${more.toLocaleString('en')} more`);
  const last = texts.pop();
  return texts.length === 0 ? `${last}` : `${texts.join(', ')} and ${last}`;
}
