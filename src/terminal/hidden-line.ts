/** A line that is typed or pasted without echo: keys in, the line out. Pure. */

/** How the line ended. `several`: more text followed its end at once, as from a paste. */
export type Ending =
  | { readonly kind: 'line'; readonly text: string }
  | { readonly kind: 'several' | 'end' | 'interrupt' };

export interface HiddenLine {
  /** Takes input from the terminal. Returns how the line ended, or null while it goes on. */
  feed(text: string): Ending | null;
}

/** Bracketed paste: the terminal marks pasted text, so that line ends in it are part of the value. */
export const MARK_PASTES = { on: '\u001b[?2004h', off: '\u001b[?2004l' } as const;
const PASTE_BEGINS = '\u001b[200~';
const PASTE_ENDS = '\u001b[201~';

/** A key: an escape sequence (CSI, SS3, Alt with a key), a line end, or one character. */
const KEY = /\u001b\[[0-?]*[ -/]*[@-~]|\u001bO.|\u001b[^[O]|\r\n|./suy;
const UNFINISHED = /\u001b(?:\[[0-?]*[ -/]*|O)?$/;

/** Opens an empty line. Enter ends it; Backspace, Ctrl-U and Ctrl-W delete; other control keys are ignored. */
export function openHiddenLine(): HiddenLine {
  let text = '';
  let pasting = false;
  let held = '';

  function press(key: string, isLast: boolean): Ending | null {
    if (key === '\u0003') return { kind: 'interrupt' };
    if (key === PASTE_BEGINS || key === PASTE_ENDS) pasting = key === PASTE_BEGINS;
    else if (pasting) text += /^[\r\n]/.test(key) ? '\n' : key;
    else if (/^[\r\n]/.test(key))
      return isLast ? { kind: 'line', text: dropLineEnd(text) } : { kind: 'several' };
    else if (key === '\u0004') return text === '' ? { kind: 'end' } : null;
    else if (key === '\u007f' || key === '\b') text = text.replace(/.$/su, '');
    else if (key === '\u0015') text = '';
    else if (key === '\u0017') text = text.replace(/\S*\s*$/, '');
    else if (key === '\t' || !/^\p{Cc}/u.test(key)) text += key;
    return null;
  }

  return {
    feed(chunk) {
      // A sequence may arrive in pieces; an escape character alone is the Esc key.
      const whole = held === '\u001b' && !/^[[O]/.test(chunk) ? chunk : held + chunk;
      held = UNFINISHED.exec(whole)?.[0] ?? '';
      const keys = whole.slice(0, whole.length - held.length);
      for (KEY.lastIndex = 0; KEY.lastIndex < keys.length; ) {
        const [key = ''] = KEY.exec(keys) ?? [];
        const ending = press(key, KEY.lastIndex === keys.length);
        if (ending !== null) return ending;
      }
      return null;
    },
  };
}

/** A line that is copied as a whole includes its line end. */
function dropLineEnd(text: string): string {
  return text.replace(/\n$/, '');
}
