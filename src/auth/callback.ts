/**
 * Waits on 127.0.0.1 for the browser to come back from a login. What does not belong to this login (a
 * favicon, a port scan, the page of an earlier login) is answered and waited out.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { UserError } from '../errors.ts';
import { isFromAnotherUser } from '../infra/os/peer.ts';
import { html, page as pageOf, policyOf } from '../terminal/html.ts';

const PATH = '/callback';
/** How long a browser may take to fetch the page of a login that is already done. */
const PAGE_MS = 2_000;

/** What the page says. */
interface Page {
  readonly status: number;
  readonly title: string;
  readonly text: string;
}

export interface CallbackServer {
  readonly port: number;
  readonly redirectUri: string;
  readonly state: string;
  /**
   * Leads once to the page to sign in at: for the browser's arguments, which every user of this machine can read. A
   * second request ends the login; one of another user is not answered, where the system tells whose it is.
   */
  readonly oneTimeUrl: string;
  /**
   * Resolves to the parameters of the first callback with the state; `url` is the page to sign in at. What the browser
   * is shown is held back until `close` knows what to say. Rejects with UserError after `timeoutSeconds`, or when the
   * one-time address was used twice.
   */
  wait(url: string, timeoutSeconds: number): Promise<URLSearchParams>;
  /** Takes the address that the browser ended on, as a person pastes it; false when it is not of this login. */
  accept(address: string): boolean;
  /** Shows how the login ended, if a browser waits for it, and stops listening. */
  close(page: Page): Promise<void>;
}

interface Listening {
  readonly port: number;
  /** What the callback of this login carries. */
  readonly state: string;
  /** Everything is closed at once when it is aborted. */
  readonly signal: AbortSignal;
  /** Told of each request that was waited out. */
  readonly onStray: (what: string) => void;
}

/** Listens on `port`, or on a free one when that is taken. Throws UserError when there is none. */
export async function openCallback({
  port: wanted,
  state,
  signal,
  onStray,
}: Listening): Promise<CallbackServer> {
  const server = createServer();
  const port = await listen(server, wanted);
  const origin = `http://127.0.0.1:${port}`;
  const oneTimePath = `/login/${randomBytes(16).toString('base64url')}`;
  const waiting: ServerResponse[] = [];
  const stop = (): void => {
    server.close();
    server.closeAllConnections();
  };
  signal.addEventListener('abort', stop, { once: true });
  const arrival = Promise.withResolvers<URLSearchParams>();
  arrival.promise.catch(() => undefined); // It may fail before anything waits for it.
  let signInUrl: string | undefined;
  let isOpened = false;
  server.on('request', (request, response) => {
    const asked = URL.parse(request.url ?? '', origin);
    const opens = request.method === 'GET' && asked?.pathname === oneTimePath;
    // Another user has read it among the arguments: they would sign in as themselves, and this machine with them.
    if (opens && signInUrl !== undefined && !isFromAnotherUser(request.socket)) {
      if (!isOpened) redirect(response, signInUrl);
      else {
        waiting.push(response);
        arrival.reject(openedTwice());
      }
      isOpened = true;
      return;
    }
    const page = strayPage(request, asked, state);
    if (page !== undefined) {
      onStray(page.text);
      void showPage(response, page);
      return;
    }
    waiting.push(response); // A reload of the page comes here again.
    if (asked !== null) arrival.resolve(asked.searchParams);
  });
  return {
    port,
    redirectUri: `${origin}${PATH}`,
    state,
    oneTimeUrl: `${origin}${oneTimePath}`,
    async wait(url, timeoutSeconds) {
      signInUrl = url;
      const timer = setTimeout(() => arrival.reject(timedOut(timeoutSeconds)), timeoutSeconds * 1000);
      return arrival.promise.finally(() => clearTimeout(timer));
    },
    accept(pasted) {
      const parameters = URL.parse(pasted.trim(), origin)?.searchParams;
      if (parameters?.get('state') !== state) return false;
      arrival.resolve(parameters);
      return true;
    },
    async close(page) {
      const timer = setTimeout(stop, PAGE_MS);
      await Promise.all(waiting.map((response) => showPage(response, page)));
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      stop();
    },
  };
}

function openedTwice(): UserError {
  return new UserError('LOGIN_FAILED', 'Login failed: the address for your browser was opened twice.', {
    hint: 'If that was not you, another user of this machine did it. Run `arcade login --no-browser` instead.',
  });
}

async function listen(server: Server, port: number): Promise<number> {
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  } catch (cause) {
    if (port !== 0) return listen(server, 0);
    throw new UserError('LOGIN_PORT_BUSY', 'Could not open a local port for the login callback.', {
      hint: 'Use `arcade login --api-key`, which needs none.',
      cause,
    });
  }
  return (server.address() as AddressInfo).port;
}

/** The answer to a request that does not end this login; undefined for the one that does. */
function strayPage({ method }: IncomingMessage, asked: URL | null, state: string): Page | undefined {
  if (asked?.pathname !== PATH) return { status: 404, title: 'Not found', text: 'There is nothing here.' };
  if (method !== 'GET') return { status: 405, title: 'Not allowed', text: 'Method not allowed.' };
  if (asked.searchParams.get('state') === state) return undefined;
  const text = 'This link belongs to another login. arcade is still waiting for the current one.';
  return { status: 400, title: 'Another login', text };
}

function timedOut(seconds: number): UserError {
  return new UserError('LOGIN_TIMED_OUT', `Timed out waiting for the login callback after ${seconds}s.`, {
    hint: "If your browser completed login, check firewall/antivirus settings and re-run 'arcade login' (you can increase --timeout if needed).",
  });
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

/**
 * Answers with the page; nothing on it is fetched, run or left unescaped. Resolves when it is sent, or the browser is gone.
 */
async function showPage(response: ServerResponse, { status, title, text }: Page): Promise<void> {
  if (response.destroyed) return;
  const body = html`<main><h1>${title}</h1><p>${text}</p></main>`;
  const whole = Buffer.from(pageOf({ title: `${title} - Arcade CLI`, style: STYLE, body }));
  const closed = new Promise((resolve) => response.once('close', resolve));
  response.writeHead(status, { ...HEADERS, 'content-length': whole.length }).end(whole);
  await closed;
}

/** Sends the browser on to `url`, which no one else is to read or keep. */
function redirect(response: ServerResponse, url: string): void {
  response.writeHead(302, { ...HEADERS, location: url }).end();
}
