/** The page that the browser shows at the end of a login: nothing on it is fetched, run or left unescaped. */
import type { ServerResponse } from 'node:http';
import { html, page, policyOf } from '../terminal/html.ts';

/** What the page says. */
export interface Page {
  readonly status: number;
  readonly title: string;
  readonly text: string;
}

const STYLE = `body{font:1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:20vh auto 0;padding:0 1rem}
h1{font-size:1.5rem}`;

const HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `${policyOf(STYLE)}; frame-ancestors 'none'`,
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'cross-origin-opener-policy': 'same-origin',
  // One answer, and the connection is gone: nothing keeps the program from ending.
  connection: 'close',
} as const;

/** Answers with the page. Resolves when it is sent, or the browser is gone. */
export async function showPage(response: ServerResponse, { status, title, text }: Page): Promise<void> {
  if (response.destroyed) return;
  const body = html`<main><h1>${title}</h1><p>${text}</p></main>`;
  const whole = Buffer.from(page({ title: `${title} - Arcade CLI`, style: STYLE, body }));
  const closed = new Promise((resolve) => response.once('close', resolve));
  response.writeHead(status, { ...HEADERS, 'content-length': whole.length }).end(whole);
  await closed;
}

/** Sends the browser on to `url`, which no one else is to read or keep. */
export function redirect(response: ServerResponse, url: string): void {
  response.writeHead(302, { ...HEADERS, location: url }).end();
}
