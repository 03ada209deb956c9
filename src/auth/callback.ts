/**
 * Waits on 127.0.0.1 for the browser to come back from a login. What does not belong to this login (a
 * favicon, a port scan, the page of an earlier login) is answered and waited out.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { UserError } from '../errors.ts';
import { type Page, showPage } from './callback-page.ts';

const PATH = '/callback';
/** How long a browser may take to fetch the page of a login that is already done. */
const PAGE_MS = 2_000;

export interface CallbackServer {
  readonly redirectUri: string;
  /** It got the port it asked for. */
  readonly expectedPort: boolean;
  /**
   * Resolves to the parameters of the first callback with this state. Its page is held back until `close`
   * knows what to say. Rejects with UserError after `timeoutSeconds`.
   */
  wait(state: string, timeoutSeconds: number): Promise<URLSearchParams>;
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

/** Listens on `port`, or on a free one when somebody else has it. Throws UserError when there is none. */
export async function openCallback({ port, signal, onStray }: Listening): Promise<CallbackServer> {
  const server = createServer();
  const expectedPort = await listen(server, port);
  const address = server.address() as AddressInfo;
  const waiting: ServerResponse[] = [];
  const stop = (): void => {
    server.close();
    server.closeAllConnections();
  };
  signal.addEventListener('abort', stop, { once: true });
  let expectedState: string | undefined;
  let arrived: (parameters: URLSearchParams) => void;
  const arrival = new Promise<URLSearchParams>((resolve) => {
    arrived = resolve;
  });
  server.on('request', (request, response) => {
    const parameters = parametersOf(request);
    const page = strayPage(request, parameters, expectedState);
    if (page !== undefined) {
      onStray(page.text);
      void showPage(response, page);
      return;
    }
    waiting.push(response); // A reload of the page comes here again.
    arrived(parameters ?? new URLSearchParams());
  });
  return {
    redirectUri: `http://127.0.0.1:${address.port}${PATH}`,
    expectedPort,
    wait(state, timeoutSeconds) {
      expectedState = state;
      return withTimeout(arrival, timeoutSeconds);
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

async function listen(server: Server, port: number): Promise<boolean> {
  for (const tried of [port, 0]) {
    try {
      server.listen(tried, '127.0.0.1');
      await once(server, 'listening');
      return tried === port;
    } catch (cause) {
      if (tried !== 0) continue;
      throw new UserError('LOGIN_PORT_BUSY', 'No port of this machine is free for the login to return to.', {
        hint: 'Use `arcade login --api-key`, which needs none.',
        cause,
      });
    }
  }
  return false;
}

function parametersOf(request: IncomingMessage): URLSearchParams | undefined {
  const [path, query = ''] = (request.url ?? '').split('?');
  return path === PATH ? new URLSearchParams(query) : undefined;
}

/** The answer to a request that does not end this login; undefined for the one that does. */
function strayPage(
  { method }: IncomingMessage,
  parameters: URLSearchParams | undefined,
  state: string | undefined,
): Page | undefined {
  if (parameters === undefined) return { status: 404, title: 'Not found', text: 'There is nothing here.' };
  if (method !== 'GET') return { status: 405, title: 'Not allowed', text: 'This address is for browsers.' };
  if (state !== undefined && parameters.get('state') === state) return undefined;
  const text = 'This page belongs to another login. The program is still waiting for its own.';
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
