/** What is answered when nothing goes wrong on the way: JSON, pages, redirects and Arcade's errors. */
import { STATUS_CODES } from 'node:http';
import type { RecordedRequest } from './requests.ts';

/** An answer. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Answers a request, or says by `undefined` that the path is not its own. */
export type Route = (request: RecordedRequest) => Reply | undefined;

/** JSON. */
export function json(status: number, value: unknown, headers: Record<string, string> = {}): Reply {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(value) };
}

/** A page for people. */
export function page(status: number, html: string): Reply {
  return {
    status,
    headers: { 'content-type': 'text/html; charset=utf-8' },
    body: `<!doctype html><meta charset="utf-8"><title>Arcade</title>\n${html}\n`,
  };
}

/** Somewhere else. */
export function redirect(status: number, location: string): Reply {
  return { status, headers: { location }, body: '' };
}

/** An error as Arcade words it: a name and a message. */
export function failure(status: number, message = STATUS_CODES[status] ?? 'Unknown'): Reply {
  const name = (STATUS_CODES[status] ?? 'error').toLowerCase().replaceAll(/\W+/g, '_');
  const challenge: Record<string, string> = status === 401 ? { 'www-authenticate': 'Bearer' } : {};
  return json(status, { name, message }, challenge);
}

/** An error of the OAuth endpoints (RFC 6749, section 5.2). */
export function oauthFailure(error: string, error_description: string): Reply {
  return json(error === 'invalid_client' ? 401 : 400, { error, error_description });
}

/** The method is not one of those that the path has. */
export function notAllowed(...allow: string[]): Reply {
  const reply = failure(405);
  return { ...reply, headers: { ...reply.headers, allow: allow.join(', ') } };
}

/** The same error with the secret that was sent in its text: what a careless server does. */
export function echoing(reply: Reply, request: RecordedRequest): Reply {
  const secret = sentSecret(request);
  if (reply.status < 400 || secret === undefined || !reply.body.startsWith('{')) return reply;
  const body = JSON.parse(reply.body);
  const field = 'error_description' in body ? 'error_description' : 'message';
  body[field] = `${body[field]} (received ${JSON.stringify(secret)})`;
  return { ...reply, body: JSON.stringify(body) };
}

/** Text made safe for an attribute or the body of a page. */
export function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.codePointAt(0)};`);
}

function sentSecret({ json: sent, form }: RecordedRequest): string | undefined {
  if (typeof sent === 'object' && sent !== null && 'value' in sent && typeof sent.value === 'string') {
    return sent.value;
  }
  return form.refresh_token ?? form.code ?? form.token;
}
