/** Text from outside, made safe to print. What is not safe by its type is not printed. */

declare const safe: unique symbol;
/** Text that a terminal shows and does not obey: written in the source, or made visible. */
export type Safe = string & { readonly [safe]: true };

/** Text of our own: what is put into it is safe already, or it does not type-check. */
export function say(texts: TemplateStringsArray, ...parts: readonly (Safe | number | '')[]): Safe {
  return texts.reduce((text, next, i) => `${text}${parts[i - 1]}${next}`) as Safe;
}

/** The same text several times; none for a negative number. */
export function repeated(text: Safe, times: number): Safe {
  return text.repeat(Math.max(0, times)) as Safe;
}

/** Safe texts as one. */
export function joined(texts: readonly Safe[], between: Safe): Safe {
  return texts.join(between) as Safe;
}

/** Controls, marks that reorder a line, characters that cannot be seen, and halves of surrogate pairs. */
const UNSAFE =
  /[\p{Cc}\p{Cs}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}\u2028\u2029\u2800\ufff9-\ufffb]/gu;
const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\u001b': '\\e' };

/** Text from outside, safe to print: control characters and invisible ones are shown escaped. */
export function visible(text: string): Safe {
  return text.replace(UNSAFE, (character, at: number) => {
    if (isOfItsNeighbours(text, at)) return character;
    return SHORT[character] ?? `\\u{${character.codePointAt(0)?.toString(16)}}`;
  }) as Safe;
}

/** Whether an invisible character says how those beside it are drawn, as they are in common writing. */
function isOfItsNeighbours(text: string, at: number): boolean {
  return isStyleOfEmoji(text, at) || isJoiner(text, at);
}

/** Scripts that are not written well without joiners. */
const JOINING =
  '\\p{sc=Arab}\\p{sc=Syrc}\\p{sc=Deva}\\p{sc=Beng}\\p{sc=Guru}\\p{sc=Gujr}\\p{sc=Orya}\\p{sc=Taml}\\p{sc=Telu}\\p{sc=Knda}\\p{sc=Mlym}\\p{sc=Sinh}\\p{sc=Khmr}';
const EMOJI = '\\p{Extended_Pictographic}';

/** Between letters of such a script, or the parts of one emoji. Between other letters it only makes two names differ that look alike. */
function isJoiner(text: string, at: number): boolean {
  if (text[at] !== '\u200c' && text[at] !== '\u200d') return false;
  const [before, after] = [text.slice(Math.max(0, at - 3), at), text.slice(at + 1, at + 3)];
  const isBetween = (first: string, second: string): boolean =>
    new RegExp(`${first}$`, 'u').test(before) && new RegExp(`^${second}`, 'u').test(after);
  return (
    isBetween(`[${JOINING}]`, `[${JOINING}]`) ||
    (text[at] === '\u200d' && isBetween(`(?:${EMOJI}|\\p{Emoji_Modifier}|${EMOJI}\\ufe0f)`, `${EMOJI}`))
  );
}

/** Of the variation selectors, which spell out a hidden text, the two that say how the emoji before them looks. */
function isStyleOfEmoji(text: string, at: number): boolean {
  if (text[at] !== '\ufe0e' && text[at] !== '\ufe0f') return false;
  const before = text.slice(Math.max(0, at - 2), at);
  // Digits count as emoji; they are part of one only on a key.
  return /[\d#*]$/.test(before) ? text[at + 1] === '\u20e3' : /\p{Emoji}$/u.test(before);
}

/**
 * The net below `visible`: of all that is written, a terminal obeys nothing but our own colours and line ends,
 * also where text from outside was declared safe by mistake.
 */
export function harmless(text: string): string {
  return text
    .split(/(\n|\u001b\[\d{1,3}m)/)
    .map((part, i) => (i % 2 === 1 ? part : visible(part)))
    .join('');
}

/** A value as JSON on one line, safe to print. */
export function compactJson(value: unknown): Safe {
  return escapeJson(JSON.stringify(value));
}

/** JSON leaves much as it is that some terminals obey. It says the same with it escaped. */
export function escapeJson(json: string): Safe {
  return json.replace(UNSAFE, (character, at: number) => {
    if (character === '\n' || isOfItsNeighbours(json, at)) return character;
    const units = Array.from({ length: character.length }, (_, i) => character.charCodeAt(i));
    return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
  }) as Safe;
}
