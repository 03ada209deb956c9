/** A login through the browser, from the coordinator's configuration to the page at its end. */
import { randomUUID } from 'node:crypto';
import { generateRandomState } from 'oauth4webapi';
import { UserError } from '../errors.ts';
import { exchange } from '../infra/net/http.ts';
import { ARCADE } from '../settings.ts';
import { type CallbackServer, openCallback } from './callback.ts';
import { isSelfHosted } from './connection.ts';
import { askKeyOwner, type Owner } from './coordinator.ts';
import { isApiKey } from './credentials.ts';
import { findSignInServer, loginFailed, oauthLogin, type SignInServer } from './oauth.ts';
import type { NewLogin } from './store.ts';

/** A login of either era that waits for the person in their browser. */
export interface BrowserLogin {
  /** Where the browser is to go. */
  readonly url: string;
  /** Exchanges what came back with the browser for a login. Throws UserError. */
  readonly redeem: (callback: URLSearchParams) => Promise<NewLogin>;
}

/** Where a person is to go, and where they come back to. */
export interface Invitation extends Pick<CallbackServer, 'accept' | 'oneTimeUrl' | 'port'> {
  /** The page to sign in at, with all that proves that this program asked for it. */
  readonly url: string;
}

interface Login {
  readonly coordinator: string;
  readonly timeoutSeconds: number;
  readonly interrupted: AbortSignal;
  /** Shows the person where to go. */
  readonly show: (invitation: Invitation) => void;
  /** Whether the person agrees to a login whose API key travels in addresses. */
  readonly agreeToLegacy: (host: string) => Promise<boolean>;
  /** Shows the person what the server warns of. */
  readonly warn: (what: string) => void;
  readonly debug: (what: string) => void;
}

/** How long a coordinator may take to say how one signs in, and whether its page takes the request. */
const ANSWER_MS = 10_000;

/**
 * Sends the person to their browser, waits, and stores the login; only then the browser is told that it succeeded.
 * Throws UserError, and then nothing is left behind.
 */
export async function logInWithBrowser(
  login: Login,
  store: (login: NewLogin) => Promise<void>,
): Promise<NewLogin> {
  const server = await connect(login.coordinator);
  login.debug(server === undefined ? 'the coordinator has no cli_config' : 'the coordinator has OAuth');
  const callback = await openCallback({
    port: ARCADE.callbackPort,
    state: server === undefined ? randomUUID() : generateRandomState(),
    signal: login.interrupted,
    onStray: (why) => login.debug(`a stray request was waited out: ${why}`),
  });
  try {
    login.debug(`waiting at ${callback.redirectUri}`);
    const { url, redeem } = await begin(login, server, callback);
    const arrival = callback.wait(url, login.timeoutSeconds);
    login.show({ ...callback, url });
    const parameters = await arrival;
    login.debug('the browser came back');
    const done = await redeem(parameters);
    await store(done);
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

async function connect(coordinator: string): Promise<SignInServer | undefined> {
  return findSignInServer(coordinator, performance.now() + ANSWER_MS).catch((error: unknown) => {
    if (!(error instanceof UserError)) throw error;
    const message = `Could not connect to Arcade at ${coordinator}. ${error.message}`;
    throw new UserError(error.code, message, { hint: error.hint, cause: error });
  });
}

async function begin(
  login: Login,
  server: SignInServer | undefined,
  { port, redirectUri, state }: CallbackServer,
): Promise<BrowserLogin> {
  if (server === undefined) return beginLegacy(login, redirectUri, state);
  const browserLogin = await oauthLogin(server, redirectUri, state);
  if (port === ARCADE.callbackPort || !(await isRejected(browserLogin.url))) return browserLogin;
  const { host } = new URL(login.coordinator);
  throw new UserError(
    'LOGIN_PORT_BUSY',
    `Port ${ARCADE.callbackPort} is in use, and ${host} only allows that port for logins.`,
    { hint: `Stop the program using port ${ARCADE.callbackPort}, or use \`arcade login --api-key\`.` },
  );
}

/** At a coordinator of the time before OAuth the browser brings back an API key. */
async function beginLegacy(
  { coordinator, agreeToLegacy, warn }: Login,
  redirectUri: string,
  state: string,
): Promise<BrowserLogin> {
  const url = `${coordinator}/api/v1/auth/cli_login?${new URLSearchParams({ callback_uri: redirectUri, state })}`;
  // Arcade's own have OAuth: an answer that says otherwise is after a key. And any web server answers 404 to what it
  // does not know.
  if (!isSelfHosted(coordinator) || (await isRejected(url)))
    throw new UserError('NOT_FOUND', `There is no Arcade coordinator at ${coordinator}.`, {
      hint: 'Check --host and --port.',
    });
  if (!(await agreeToLegacy(new URL(coordinator).host)))
    throw new UserError('CANCELLED', 'Login cancelled.', {
      hint: 'With an API key of that host, `arcade login --api-key` signs in without a browser.',
    });
  const redeem = async (callback: URLSearchParams): Promise<NewLogin> => {
    const apiKey = callback.get('api_key') ?? '';
    if (!isApiKey(apiKey)) throw loginFailed('No credentials received. Please try again.');
    const warning = callback.get('warning');
    if (warning) warn(warning);
    const owner = await askKeyOwner(coordinator, apiKey).catch(ifItCannotSay);
    return keyLogin(apiKey, { ...owner, email: callback.get('email') || owner.email }, coordinator);
  };
  return { url, redeem };
}

/** Whether a sign-in page rejects the request as such. Anything else is for the person's browser to find out. */
async function isRejected(url: string): Promise<boolean> {
  try {
    const deadline = performance.now() + ANSWER_MS;
    const { status, location } = await exchange({ method: 'GET', url, deadline, retries: 0 });
    const target = location === undefined ? null : URL.parse(location, url);
    return target?.searchParams.has('error') ?? [400, 404, 422].includes(status);
  } catch {
    return false;
  }
}

/** A coordinator that has just handed out a key need not be able to say whose it is. */
function ifItCannotSay(error: unknown): Owner {
  if (error instanceof UserError && error.code === 'NOT_FOUND') return { accountId: null, email: null };
  throw error;
}

/** The login of an API key that its coordinator knows. Throws UserError for one that it does not. */
export async function newKeyLogin(apiKey: string, coordinatorUrl: string): Promise<NewLogin> {
  return keyLogin(apiKey, await askKeyOwner(coordinatorUrl, apiKey), coordinatorUrl);
}

function keyLogin(apiKey: string, owner: Owner, coordinatorUrl: string): NewLogin {
  return { ...owner, kind: 'api_key', source: 'file', apiKey, coordinatorUrl };
}
