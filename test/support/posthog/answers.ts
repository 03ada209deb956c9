/** Answers on the wire: the right ones, and every wrong one that a fault asks for. */
import { type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Fault } from './faults.ts';
import type { RecordedRequest } from './requests.ts';

/** An answer. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

/** Where a captive portal sends people. */
export const PORTAL_PATH = '/portal/login';

/** The exact bytes of PostHog's approval. */
export const OK = reply(200, '{"status":"Ok"}', 'application/json');

/** The page of a captive portal. */
export const PORTAL_PAGE = reply(200, '<!doctype html><title>Guest Wi-Fi</title><form>…</form>', 'text/html');

/** An answer with one content type. */
export function reply(status: number, body: string, type = 'text/plain; charset=utf-8'): Reply {
  return { status, headers: { 'content-type': type }, body };
}

/** Answers a request: with `genuine`, or as its fault has it. */
export function send(response: ServerResponse, record: RecordedRequest, genuine: Reply): void {
  const { fault } = record;
  switch (fault?.kind) {
    case 'hang':
      record.status = 'hung';
      return;
    case 'reset':
    case 'lost-ack':
      reset(response, record);
      return;
    case 'slow-headers':
      drip(response, record, genuine, { from: 'head', everyMs: fault.everyMs ?? 1000 });
      return;
    case 'trickle':
      drip(response, record, genuine, { from: 'body', everyMs: fault.everyMs ?? 1000 });
      return;
    case 'truncated':
      record.status = genuine.status;
      response.socket?.end(`${headOf(genuine)}${genuine.body.slice(0, genuine.body.length / 2)}`);
      return;
    default:
      write(response, record, forged(fault, genuine));
  }
}

/** Cuts the connection with a RST, as a failing middlebox does. */
export function reset(response: ServerResponse, record: RecordedRequest): void {
  record.status = 'reset';
  response.socket?.resetAndDestroy();
}

function write(response: ServerResponse, record: RecordedRequest, { status, headers, body }: Reply): void {
  record.status = status;
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body);
}

function forged(fault: Fault | undefined, genuine: Reply): Reply {
  switch (fault?.kind) {
    case 'status': {
      const plain = reply(fault.status, fault.body ?? STATUS_CODES[fault.status] ?? '');
      const retry = fault.retryAfter === undefined ? {} : { 'retry-after': fault.retryAfter };
      return { ...plain, headers: { ...plain.headers, ...retry, ...fault.headers } };
    }
    case 'portal-page':
      return PORTAL_PAGE;
    case 'portal-redirect':
      return { status: 302, headers: { location: PORTAL_PATH }, body: '' };
    case 'portal-json':
      return reply(200, '{"ok":true}', 'application/json');
    case 'wrong-json':
      return reply(200, fault.body ?? '{"status":0}', 'application/json');
    case 'empty-200':
      return reply(200, '');
    default:
      return genuine;
  }
}

/** Writes past Node's own HTTP, which would send the head at once and the body whole. */
function drip(
  response: ServerResponse,
  record: RecordedRequest,
  genuine: Reply,
  pace: { from: 'head' | 'body'; everyMs: number },
): void {
  const socket: Socket | null = response.socket;
  if (!socket || socket.destroyed) return;
  record.status = genuine.status;
  const head = headOf(genuine);
  if (pace.from === 'body') socket.write(head);
  const bytes = Buffer.from(`${pace.from === 'head' ? head : ''}${genuine.body}`);
  let at = 0;
  const timer = setInterval(() => {
    socket.write(bytes.subarray(at, at + 1));
    at += 1;
    if (at >= bytes.length) socket.end();
  }, pace.everyMs).unref();
  socket.once('close', () => clearInterval(timer));
  socket.once('finish', () => clearInterval(timer));
}

function headOf({ status, headers, body }: Reply): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  const length = `content-length: ${Buffer.byteLength(body)}`;
  const all = [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...lines, length, 'connection: close'];
  return `${all.join('\r\n')}\r\n\r\n`;
}
