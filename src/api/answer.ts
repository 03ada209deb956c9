/** What an answer of Arcade's servers means: the object in it, or why there is none, in plain words. */
import { type ErrorCode, UserError } from '../errors.ts';
import { type Fields, parseFields } from '../infra/fields.ts';
import type { HttpAnswer } from '../infra/net/network.ts';

export const isGood = ({ status }: HttpAnswer): boolean => status >= 200 && status < 300;

/**
 * The JSON object of a good answer; an empty body is an empty object. A page in place of an answer comes from
 * a portal, a proxy or another server: it throws UserError, also for a write, which then has failed.
 */
export function objectOf(answer: HttpAnswer): Fields {
  if (answer.text.trim() === '') return {};
  const fields = parseFields(answer.text);
  if (fields !== undefined) return fields;
  throw notTheApi(
    /html/i.test(answer.contentType) || /^\s*</.test(answer.text) ? 'a web page' : 'invalid JSON',
  );
}

/** The error of an answer that the API would not give. */
export function notTheApi(what = 'something else'): UserError {
  return new UserError(
    'UNEXPECTED_ANSWER',
    `The server sent ${what} instead of a response of the Arcade API.`,
    {
      hint: 'Check --host and --port; on a guest network, open a web page and sign in first.',
    },
  );
}

/**
 * The error of an answer that refuses; `sent` names what the person gave, for the hint when it was invalid.
 * It never repeats what the server said.
 */
export function refusalOf({ status, retryAfterMs }: HttpAnswer, host: string, sent: string): UserError {
  const [code, what, hint] =
    status === 400 || status === 422
      ? (['INVALID_REQUEST', `rejected the request as invalid (${status}).`, `Check ${sent}.`] as const)
      : (REFUSALS[status] ?? otherRefusal(status, retryAfterMs));
  return new UserError(code, `${host} ${what}`, { hint });
}

const REFUSALS: Readonly<Record<number, readonly [ErrorCode, string, string]>> = {
  401: [
    'UNAUTHORIZED',
    'did not accept your credentials (401).',
    'Run `arcade login --force`; if you use an API key, check it.',
  ],
  403: ['FORBIDDEN', 'denied permission (403).', 'Ask an administrator of your organization for permission.'],
  404: ['NOT_FOUND', 'returned 404 Not Found.', 'Check --host, --port and your active project.'],
};

function otherRefusal(status: number, retryAfterMs = 60_000): readonly [ErrorCode, string, string] {
  if (status === 429) {
    const seconds = Math.ceil(retryAfterMs / 1000);
    const [count, unit] = seconds < 120 ? [seconds, 'second'] : [Math.ceil(seconds / 60), 'minute'];
    const wait = count < 120 ? `in ${count} ${unit}${count === 1 ? '' : 's'}` : 'later';
    return ['RATE_LIMITED', 'is receiving too many requests (429).', `Try again ${wait}.`];
  }
  if (status >= 500) return ['SERVER_ERROR', `failed (${status}).`, 'Try again later.'];
  if (status >= 300 && status < 400) {
    return ['UNEXPECTED_STATUS', `answered with a redirect (${status}).`, 'Check --host, --port and --tls.'];
  }
  return ['UNEXPECTED_STATUS', `answered with status ${status}.`, 'Check --host and --port.'];
}
