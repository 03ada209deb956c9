/** The page on which a person chooses an account, or declines. Both ways of signing in end on it. */
import { randomUUID } from 'node:crypto';
import type { Accounts, User } from './accounts.ts';
import { escapeHtml, failure, notAllowed, page, type Reply, redirect } from './replies.ts';
import type { RecordedRequest } from './requests.ts';

/** Where the browser goes once the person has decided; without a user they declined. */
export type Decide = (user: User | undefined) => string;

/** The page, and the route of its answers. */
export type Consent = ReturnType<typeof createConsent>;

const PATH = '/sign-in';

/** Offers every account; nobody has a password. */
export function createConsent(accounts: Accounts) {
  const open = new Map<string, Decide>();

  return {
    /** Asks; `decide` is called at most once. */
    ask(decide: Decide): Reply {
      const id = randomUUID();
      open.set(id, decide);
      const forms = accounts.users.map(({ email }) => form(id, `Sign in as ${email}`, { email }));
      return page(
        200,
        ['<h1>Sign in to Arcade</h1>', ...forms, form(id, 'Deny', { deny: 'yes' })].join('\n'),
      );
    },
    route({ path, method, form: { id = '', email = '', deny } }: RecordedRequest): Reply | undefined {
      if (path !== PATH) return undefined;
      if (method !== 'POST') return notAllowed('POST');
      const decide = open.get(id);
      const user = accounts.ofEmail(email);
      if (!decide || (!user && !deny)) return failure(400, 'This page is no longer good');
      open.delete(id);
      return redirect(303, decide(user));
    },
  };
}

/** `target` with parameters added to its query. */
export function withQuery(target: string, parameters: Record<string, string | undefined>): string {
  const url = new URL(target);
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) url.searchParams.set(name, value);
  }
  return url.href;
}

function form(id: string, label: string, fields: Record<string, string>): string {
  const inputs = Object.entries({ id, ...fields }).map(
    ([name, value]) => `<input type="hidden" name="${name}" value="${escapeHtml(value)}">`,
  );
  return `<form method="post" action="${PATH}">${inputs.join('')}<button>${escapeHtml(label)}</button></form>`;
}
