/** Markup as text: everything that is put into it is escaped, unless it is markup already. */
import { createHash } from 'node:crypto';
import { visible } from './visible.ts';

/** Text that is safe to stand in a page as it is. */
export interface Markup {
  readonly markup: string;
}

type Part = Markup | string | number | readonly Part[] | null;

/** A template of markup. Strings and numbers in it are escaped; null is nothing. */
export function html(texts: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  let markup = texts[0] ?? '';
  for (const [i, part] of parts.entries()) markup += rendered(part) + (texts[i + 1] ?? '');
  return { markup };
}

/** Text that stands between tags, never within one: quotes, of which JSON is full, are what they are there. */
export function plainText(text: string): Markup {
  return { markup: escaped(text, /[&<>]/g) };
}

function rendered(part: Part): string {
  if (part === null) return '';
  if (typeof part === 'object') return 'markup' in part ? part.markup : part.map(rendered).join('');
  return escaped(String(part));
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escaped(text: string, special = /[&<>"']/g): string {
  const safe = text.split('\n').map(visible).join('\n');
  return safe.replace(special, (character) => ESCAPES[character] ?? character);
}

interface Page {
  readonly title: string;
  readonly style: string;
  readonly body: Markup;
}

/** The policy of a page that loads nothing and runs nothing, but for this one style sheet, by its hash. */
export function policyOf(style: string): string {
  const hash = createHash('sha256').update(style).digest('base64');
  return `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`;
}

/** A whole page, by whose policy no text in it could ever do anything. */
export function page({ title, style, body }: Page): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${{ markup: policyOf(style) }}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${title}</title>
<style>${{ markup: style }}</style>
</head>
<body>
${body}
</body>
</html>
`.markup;
}
