/** Keys into a line that nobody sees. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openHiddenLine } from '../../src/terminal/hidden-line.ts';

const paste = (text: string): string => `\u001b[200~${text}\u001b[201~`;
const PEM = '-----BEGIN KEY-----\nMIIB=\n-----END KEY-----\n';

for (const [title, expected, ...chunks] of [
  ['a line ends with Enter', 'abc', 'abc\r'],
  ['a line ends with a line feed', 'abc', 'abc\n'],
  ['both together end it once', 'abc', 'abc\r\n'],
  ['keys come one by one', 'abc', 'a', 'b', 'c', '\r'],
  ['nothing is an empty line', '', '\r'],
  ['blanks and tabs are kept', ' a\tb ', ' a\tb \r'],
  ['Backspace takes the last character', 'ac', 'ab\u007fc\r'],
  ['Backspace of the other kind too', 'ac', 'ab\bc\r'],
  ['Backspace takes an emoji as a whole', 'a', 'a🔑\u007f\r'],
  ['Backspace on nothing does nothing', 'a', '\u007f\u007fa\r'],
  ['Ctrl-U takes all', 'b', 'a a\u0015b\r'],
  ['Ctrl-W takes the last word', 'one ', 'one two  \u0017\r'],
  ['Ctrl-D behind text does nothing', 'ab', 'a\u0004b\r'],
  ['other controls write nothing', 'ab', 'a\u0001\u0000\u001f\u0085b\r'],
  ['arrows and function keys write nothing', 'ab', 'a\u001b[A\u001bOP\u001b[15;2~\u001b[1;5Cb\r'],
  ['Alt with a key writes nothing', 'ab', 'a\u001bxb\r'],
  ['a sequence may come in pieces', 'ab', 'a\u001b', '[1', ';5C', 'b\r'],
  ['the Esc key writes nothing', 'ab', 'a', '\u001b', 'b\r'],
  ['what is pasted is kept', 'abcd', 'a', paste('bc'), 'd\r'],
  ['lines that are pasted arrive whole', PEM.trimEnd(), paste(PEM), '\r'],
  ['line ends that a terminal turns round are line feeds', 'a\nb\nc', paste('a\rb\r\nc'), '\r'],
  ['a paste may come in pieces', 'a\nb', '\u001b[20', '0~a\r', 'b\u001b[201', '~', '\r'],
  ['controls within a paste delete nothing', 'a\u007fb', paste('a\u007fb'), '\r'],
] as const) {
  test(title, () => assert.deepEqual(type(...chunks), { kind: 'line', text: expected }));
}

for (const [title, kind, ...chunks] of [
  ['Ctrl-C interrupts', 'interrupt', 'abc\u0003'],
  ['Ctrl-C interrupts a paste that never ends', 'interrupt', '\u001b[200~abc', '\u0003'],
  ['Ctrl-D on an empty line ends the input', 'end', '\u0004'],
  ['Ctrl-D on a line that was emptied ends the input', 'end', 'a\u007f', '\u0004'],
  ['lines that come at once are not taken for one', 'several', 'one\ntwo\n'],
  ['a line with more behind it is not taken for one', 'several', 'one\rtwo'],
  ['two line ends are two lines', 'several', 'one\n\n'],
] as const) {
  test(title, () => assert.deepEqual(type(...chunks), { kind }));
}

test('a line goes on until it ends', () => {
  for (const text of ['', 'abc', '\u001b', '\u001b[', paste('a\nb\n')]) assert.equal(type(text), null);
});

function type(...chunks: string[]) {
  const line = openHiddenLine();
  const endings = chunks.map((chunk) => line.feed(chunk));
  assert.ok(endings.slice(0, -1).every((ending) => ending === null));
  return endings.at(-1);
}
