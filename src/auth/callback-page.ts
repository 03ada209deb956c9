/** The page that the browser shows at the end of a login: nothing on it is fetched, run or left unescaped. */
import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { html } from '../terminal/html.ts';

/** What the page says. */
export interface Page {
  readonly status: number;
  readonly title: string;
  readonly text: string;
}

const STYLE = `:root{color-scheme:light dark}
body{font:1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:20vh auto 0;padding:0 1rem}
h1{font-size:1.5rem}`;

const HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'cross-origin-opener-policy': 'same-origin',
  // One answer, and the connection is gone: nothing keeps the program from ending.
  connection: 'close',
} as const;

/** Answers with the page. Resolves when it is sent, or the browser is gone. */
export function showPage(response: ServerResponse, { status, title, text }: Page): Promise<void> {
  const { markup } = html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title} - Arcade CLI</title>
<style>${{ markup: STYLE }}</style></head>
<body><main><h1>${title}</h1><p>${text}</p></main></body>
</html>
`;
  if (response.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    response.once('close', resolve);
    response.writeHead(status, { ...HEADERS, 'content-length': Buffer.byteLength(markup) }).end(markup);
  });
}

/** Sends the browser on to `url`, which no one else is to read or keep. */
export function redirect(response: ServerResponse, url: string): void {
  response.writeHead(302, { ...HEADERS, location: url }).end();
}
