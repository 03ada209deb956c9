/** A login through the browser, from the coordinator's configuration to the page at its end. */
import { UserError } from '../errors.ts';
import { exchange } from '../infra/net/http.ts';
import { ARCADE } from '../settings.ts';
import { type CallbackServer, openCallback } from './callback.ts';
import { isSelfHosted } from './connection.ts';
import { askKeyOwner, askWhoami, contextIn, defaultOrganization, type Owner } from './coordinator.ts';
import { legacyLogin } from './legacy-login.ts';
import { oauthLogin, type Tokens } from './oauth.ts';
import { findSignInServer, type SignInServer } from './sign-in-server.ts';
import type { NewLogin } from './store.ts';

/** What the browser brought back. */
export type Proof =
  | { readonly kind: 'tokens'; readonly tokens: Tokens }
  | {
      readonly kind: 'api_key';
      readonly apiKey: string;
      readonly email: string | null;
      readonly warning: string | null;
    };

/** A login of either era that waits for the person in their browser. */
export interface BrowserLogin {
  /** Where the browser is to go. */
  readonly url: string;
  readonly state: string;
  /** Exchanges what came back with the browser. Throws UserError. */
  readonly redeem: (callback: URLSearchParams) => Promise<Proof>;
}

/** Where a person is to go, and where they come back to. */
export interface Invitation {
  /** The page to sign in at, with all that proves that this program asked for it. */
  readonly url: string;
  /** Leads there once: for the browser's arguments, which every user of this machine can read. */
  readonly oneTimeUrl: string;
  /** The port of this machine to which the browser returns. */
  readonly port: number;
  /** Takes the address that the browser ended on, as a person pastes it; false when it is not of this login. */
  readonly accept: (address: string) => boolean;
}

interface Login {
  readonly coordinator: string;
  readonly timeoutSeconds: number;
  readonly interrupted: AbortSignal;
  /** Shows the person where to go. */
  readonly show: (invitation: Invitation) => void;
  /** Whether the person agrees to a login whose API key travels in addresses. */
  readonly agreeToLegacy: (host: string) => Promise<boolean>;
  readonly debug: (what: string) => void;
}

const CONFIG_MS = 10_000;
const PROBE_MS = 10_000;

/**
 * Sends the person to their browser and waits. `complete` does what remains to be done with the proof; only
 * then the browser is told that the login succeeded. Throws UserError, and then nothing is left behind.
 */
export async function logInWithBrowser<T>(login: Login, complete: (proof: Proof) => Promise<T>): Promise<T> {
  const server = await connect(login);
  login.debug(server === undefined ? 'the coordinator has no cli_config' : 'the coordinator has OAuth');
  const callback = await openCallback({
    port: ARCADE.callbackPort,
    signal: login.interrupted,
    onStray: (why) => login.debug(`a stray request was waited out: ${why}`),
  });
  try {
    login.debug(`waiting at ${callback.redirectUri}`);
    const { url, state, redeem } = await begin(login, server, callback);
    const arrival = callback.wait(state, login.timeoutSeconds);
    const port = Number(new URL(callback.redirectUri).port);
    login.show({ url, oneTimeUrl: callback.leadOnceTo(url), port, accept: callback.accept });
    const parameters = await arrival;
    login.debug('the browser came back');
    const done = await complete(await redeem(parameters));
    await callback.close({
      status: 200,
      title: 'Login successful',
      text: 'You are logged in to the Arcade CLI. You can close this page and go back to your terminal.',
    });
    return done;
  } catch (error) {
    const text = error instanceof UserError ? error.message : 'An unexpected error occurred.';
    await callback.close({ status: 400, title: 'Login failed', text });
    throw error;
  }
}

async function connect({ coordinator }: Login): Promise<SignInServer | undefined> {
  return findSignInServer(coordinator, CONFIG_MS).catch((error: unknown) => {
    if (!(error instanceof UserError)) throw error;
    const hint = error.hint === undefined ? {} : { hint: error.hint };
    const message = `Could not connect to Arcade at ${coordinator}. ${error.message}`;
    throw new UserError(error.code, message, { ...hint, cause: error });
  });
}

function noCoordinator(coordinator: string): UserError {
  return new UserError('NOT_FOUND', `There is no Arcade coordinator at ${coordinator}.`, {
    hint: 'Check --host and --port.',
  });
}

async function begin(
  { coordinator, agreeToLegacy }: Login,
  server: SignInServer | undefined,
  { redirectUri, expectedPort }: CallbackServer,
): Promise<BrowserLogin> {
  if (server === undefined) {
    const login = legacyLogin(coordinator, redirectUri);
    // Arcade's own have OAuth: an answer that says otherwise is after a key. And any web server answers 404 to what it
    // does not know.
    if (!isSelfHosted(coordinator) || (await isRejected(login.url))) throw noCoordinator(coordinator);
    if (await agreeToLegacy(new URL(coordinator).host)) return login;
    throw new UserError('CANCELLED', 'Login cancelled.', {
      hint: 'With an API key of that host, `arcade login --api-key` signs in without a browser.',
    });
  }
  const login = await oauthLogin(server, redirectUri);
  if (!expectedPort && (await isRejected(login.url))) {
    const host = new URL(coordinator).host;
    throw new UserError(
      'LOGIN_PORT_BUSY',
      `Port ${ARCADE.callbackPort} is in use, and ${host} only allows that port for logins.`,
      { hint: `Stop the program using port ${ARCADE.callbackPort}, or use \`arcade login --api-key\`.` },
    );
  }
  return login;
}

/** Whether a sign-in page rejects the request as such. Anything else is for the person's browser to find out. */
async function isRejected(url: string): Promise<boolean> {
  try {
    const { status, location } = await exchange({ method: 'GET', url, limitMs: PROBE_MS, retries: 0 });
    if (location !== undefined && URL.canParse(location, url))
      return new URL(location, url).searchParams.has('error');
    return [400, 404, 422].includes(status);
  } catch {
    return false;
  }
}

/** Asks the coordinator who has signed in. Throws UserError when it does not say. */
export async function newLoginOf(proof: Proof, coordinatorUrl: string): Promise<NewLogin> {
  if (proof.kind === 'api_key') {
    const owner = await askKeyOwner(coordinatorUrl, proof.apiKey).catch(ifItCannotSay);
    return keyLogin(proof.apiKey, { ...owner, email: proof.email ?? owner.email }, coordinatorUrl);
  }
  const { tokens } = proof;
  const { accountId, email, organizations, projects } = await askWhoami(coordinatorUrl, tokens.accessToken);
  const context = contextIn(defaultOrganization(organizations), projects);
  return { ...tokens, kind: 'oauth', accountId, email, coordinatorUrl, context };
}

/** The login of an API key that its coordinator knows. Throws UserError for one that it does not. */
export async function newKeyLogin(apiKey: string, coordinatorUrl: string): Promise<NewLogin> {
  return keyLogin(apiKey, await askKeyOwner(coordinatorUrl, apiKey), coordinatorUrl);
}

/** A coordinator that has just handed out a key need not be able to say whose it is. */
function ifItCannotSay(error: unknown): Owner {
  if (error instanceof UserError && error.code === 'NOT_FOUND') return { accountId: null, email: null };
  throw error;
}

function keyLogin(apiKey: string, { accountId, email }: Owner, coordinatorUrl: string): NewLogin {
  return { kind: 'api_key', source: 'file', apiKey, accountId, email, coordinatorUrl };
}
