/** A person with a browser, over plain HTTP. */
import { escapeHtml } from './replies.ts';

/** What the person does on the sign-in page. */
export interface Decision {
  readonly user: { readonly email: string };
  /** Declines instead of signing in. */
  readonly deny?: boolean;
}

/**
 * Opens a sign-in URL of either era, decides, and returns the callback URL to which the browser is sent,
 * without going there. Throws when there is no page to decide on.
 */
export async function authorize(url: string, { user, deny = false }: Decision): Promise<string> {
  const opened = await fetch(url, { redirect: 'manual' });
  const refused = opened.headers.get('location');
  if (refused) return refused;
  const html = await opened.text();
  const wanted = deny ? 'name="deny"' : `value="${escapeHtml(user.email)}"`;
  const form = html.match(/<form.*?<\/form>/gs)?.find((candidate) => candidate.includes(wanted));
  if (!form) throw new Error(`no way to sign in at ${url}: ${opened.status} ${html}`);
  const action = /action="([^"]*)"/.exec(form)?.[1] ?? '';
  const inputs = [...form.matchAll(/name="([^"]*)" value="([^"]*)"/g)];
  const fields = Object.fromEntries(inputs.map(([, name = '', value = '']) => [name, unescapeHtml(value)]));
  const decided = await fetch(new URL(action, url), {
    method: 'POST',
    body: new URLSearchParams(fields),
    redirect: 'manual',
  });
  const callback = decided.headers.get('location');
  if (!callback) throw new Error(`the sign-in page led nowhere: ${decided.status} ${await decided.text()}`);
  return callback;
}

/** The whole way: signs in, follows the redirect to the program that waits for it, and returns its answer. */
export async function signIn(url: string, decision: Decision): Promise<{ status: number; body: string }> {
  const answer = await fetch(await authorize(url, decision));
  return { status: answer.status, body: await answer.text() };
}

function unescapeHtml(text: string): string {
  return text.replaceAll(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)));
}
