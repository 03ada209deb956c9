/**
 * Waits on 127.0.0.1 for the browser to come back from a login. What does not belong to this login (a
 * favicon, a port scan, the page of an earlier login) is answered and waited out.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { UserError } from '../errors.ts';
import { type Page, redirect, showPage } from './callback-page.ts';

const PATH = '/callback';
/** How long a browser may take to fetch the page of a login that is already done. */
const PAGE_MS = 2_000;

export interface CallbackServer {
  readonly redirectUri: string;
  /** It got the port it asked for. */
  readonly expectedPort: boolean;
  /**
   * Resolves to the parameters of the first callback with this state. Its page is held back until `close`
   * knows what to say. Rejects with UserError after `timeoutSeconds`, or when the one-time address was used twice.
   */
  wait(state: string, timeoutSeconds: number): Promise<URLSearchParams>;
  /** An address of this server that leads to `url`, once. A second request ends the login. */
  leadOnceTo(url: string): string;
  /** Takes the address of a callback from elsewhere, such as the terminal; false when it is not of this login. */
  accept(address: string): boolean;
  /** Shows how the login ended, if a browser waits for it, and stops listening. */
  close(page: Page): Promise<void>;
}

interface Listening {
  readonly port: number;
  /** Everything is closed at once when it is aborted. */
  readonly signal: AbortSignal;
  /** Told of each request that was waited out. */
  readonly onStray: (what: string) => void;
}

/** Listens on `port`, or on a free one when that is taken. Throws UserError when there is none. */
export async function openCallback({ port, signal, onStray }: Listening): Promise<CallbackServer> {
  const server = createServer();
  const expectedPort = await listen(server, port);
  const address = server.address() as AddressInfo;
  const origin = `http://127.0.0.1:${address.port}`;
  const waiting: ServerResponse[] = [];
  const stop = (): void => {
    server.close();
    server.closeAllConnections();
  };
  signal.addEventListener('abort', stop, { once: true });
  let expectedState: string | undefined;
  const opening = { path: `/login/${randomBytes(16).toString('base64url')}`, url: '', used: false };
  let arrived: (parameters: URLSearchParams) => void;
  let fail: (reason: UserError) => void;
  const arrival = new Promise<URLSearchParams>((resolve, reject) => {
    arrived = resolve;
    fail = reject;
  });
  arrival.catch(() => undefined); // It may fail before anything waits for it.
  const open = (response: ServerResponse): void => {
    if (!opening.used) redirect(response, opening.url);
    else fail(openedTwice());
    if (opening.used) waiting.push(response);
    opening.used = true;
  };
  server.on('request', (request, response) => {
    const asked = parse(request.url, origin);
    if (request.method === 'GET' && opening.url !== '' && asked?.pathname === opening.path)
      return open(response);
    const page = strayPage(request, asked, expectedState);
    if (page !== undefined || asked === undefined) {
      onStray(page?.text ?? '');
      if (page !== undefined) void showPage(response, page);
      return;
    }
    waiting.push(response); // A reload of the page comes here again.
    arrived(asked.searchParams);
  });
  return {
    redirectUri: `${origin}${PATH}`,
    expectedPort,
    wait(state, timeoutSeconds) {
      expectedState = state;
      return withTimeout(arrival, timeoutSeconds);
    },
    leadOnceTo(url) {
      opening.url = url;
      return `${origin}${opening.path}`;
    },
    accept(pasted) {
      const parameters = parse(pasted, origin)?.searchParams;
      if (parameters === undefined || parameters.get('state') !== expectedState) return false;
      arrived(parameters);
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

async function listen(server: Server, port: number): Promise<boolean> {
  for (const tried of [port, 0]) {
    try {
      server.listen(tried, '127.0.0.1');
      await once(server, 'listening');
      return tried === port;
    } catch (cause) {
      if (tried !== 0) continue;
      throw new UserError('LOGIN_PORT_BUSY', 'Could not open a local port for the login callback.', {
        hint: 'Use `arcade login --api-key`, which needs none.',
        cause,
      });
    }
  }
  return false;
}

function parse(address: string | undefined, origin: string): URL | undefined {
  const text = (address ?? '').trim();
  return URL.canParse(text, origin) ? new URL(text, origin) : undefined;
}

/** The answer to a request that does not end this login; undefined for the one that does. */
function strayPage(
  { method }: IncomingMessage,
  asked: URL | undefined,
  state: string | undefined,
): Page | undefined {
  if (asked?.pathname !== PATH) return { status: 404, title: 'Not found', text: 'There is nothing here.' };
  if (method !== 'GET') return { status: 405, title: 'Not allowed', text: 'Method not allowed.' };
  if (state !== undefined && asked.searchParams.get('state') === state) return undefined;
  const text = 'This link belongs to another login. arcade is still waiting for the current one.';
  return { status: 400, title: 'Another login', text };
}

function withTimeout<T>(work: Promise<T>, seconds: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    const message = `Timed out waiting for the login callback after ${seconds}s.`;
    const hint =
      "If your browser completed login, check firewall/antivirus settings and re-run 'arcade login' (you can increase --timeout if needed).";
    timer = setTimeout(() => reject(new UserError('LOGIN_TIMED_OUT', message, { hint })), seconds * 1000);
  });
  return Promise.race([work, timeout]).finally(() => clearTimeout(timer));
}
