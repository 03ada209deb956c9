/** A login through the browser, from the coordinator's configuration to the page at its end. */
import { UserError } from '../errors.ts';
import { exchange } from '../infra/net/http.ts';
import { ARCADE } from '../settings.ts';
import type { Attempt, Proof } from './attempt.ts';
import { type CallbackServer, openCallback } from './callback.ts';
import { seedEraLogin } from './legacy-login.ts';
import { beginAuthorization } from './oauth.ts';
import { findSignInServer, type SignInServer } from './sign-in-server.ts';

interface BrowserLogin {
  readonly coordinator: string;
  readonly timeoutSeconds: number;
  readonly interrupted: AbortSignal;
  /** Shows the person where to go, and tells to which port of this machine the browser will come back. */
  readonly show: (url: string, port: string) => void;
  readonly debug: (what: string) => void;
}

const CONFIG_MS = 10_000;
const PROBE_MS = 10_000;

/**
 * Sends the person to their browser and waits. `complete` does what remains to be done with the proof; only
 * then the browser is told that the login succeeded. Throws UserError, and then nothing is left behind.
 */
export async function logInWithBrowser<T>(
  login: BrowserLogin,
  complete: (proof: Proof) => Promise<T>,
): Promise<T> {
  const server = await connect(login.coordinator);
  login.debug(server === undefined ? 'the coordinator has no cli_config' : 'the coordinator has OAuth');
  const callback = await openCallback({
    port: ARCADE.callbackPort,
    signal: login.interrupted,
    onStray: (why) => login.debug(`a stray request was waited out: ${why}`),
  });
  try {
    login.debug(`waiting at ${callback.redirectUri}`);
    const attempt = await begin(login.coordinator, server, callback);
    login.show(attempt.url, new URL(callback.redirectUri).port);
    const parameters = await callback.wait(attempt.state, login.timeoutSeconds);
    login.debug('the browser came back');
    const done = await complete(await attempt.redeem(parameters));
    await callback.close({
      status: 200,
      title: 'Login successful',
      text: 'You are logged in to the Arcade CLI. You can close this page and go back to your terminal.',
    });
    return done;
  } catch (error) {
    const text = error instanceof UserError ? error.message : 'Something unexpected went wrong.';
    await callback.close({ status: 400, title: 'Login failed', text });
    throw error;
  }
}

async function connect(coordinator: string): Promise<SignInServer | undefined> {
  try {
    return await findSignInServer(coordinator, CONFIG_MS);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const hint = error.hint === undefined ? {} : { hint: error.hint };
    const message = `Could not connect to Arcade at ${coordinator}. ${error.message}`;
    throw new UserError(error.code, message, { ...hint, cause: error });
  }
}

async function begin(
  coordinator: string,
  server: SignInServer | undefined,
  { redirectUri, expectedPort }: CallbackServer,
): Promise<Attempt> {
  if (server === undefined) {
    const attempt = seedEraLogin(coordinator, redirectUri);
    // Any web server answers 404 to what it does not know.
    if (await isRefused(attempt.url)) {
      throw new UserError('NOT_FOUND', `There is no Arcade coordinator at ${coordinator}.`, {
        hint: 'Check --host and --port.',
      });
    }
    return attempt;
  }
  const authorization = await beginAuthorization(server, redirectUri);
  if (!expectedPort && (await isRefused(authorization.url))) {
    const host = new URL(coordinator).host;
    throw new UserError(
      'LOGIN_PORT_BUSY',
      `Port ${ARCADE.callbackPort} is in use, and ${host} lets a login return to no other port.`,
      { hint: `End the program that uses port ${ARCADE.callbackPort}, or use \`arcade login --api-key\`.` },
    );
  }
  return { ...authorization, redeem: (callback) => redeem(authorization, callback) };
}

/** Whether a sign-in page refuses the request as such. Anything else is for the person's browser to find out. */
async function isRefused(url: string): Promise<boolean> {
  try {
    const { status, location } = await exchange({ method: 'GET', url, limitMs: PROBE_MS, retries: 0 });
    if (location !== undefined && URL.canParse(location, url))
      return new URL(location, url).searchParams.has('error');
    return [400, 404, 422].includes(status);
  } catch {
    return false;
  }
}

async function redeem(
  authorization: Awaited<ReturnType<typeof beginAuthorization>>,
  callback: URLSearchParams,
): Promise<Proof> {
  const error = callback.get('error');
  if (error !== null) {
    const said = (callback.get('error_description') ?? error).slice(0, 200);
    if (error === 'access_denied') throw new UserError('LOGIN_DENIED', `Login denied: ${said}`, TRY_AGAIN);
    throw new UserError('LOGIN_FAILED', `Login failed: ${said}`, TRY_AGAIN);
  }
  if (!callback.has('code')) {
    throw new UserError('LOGIN_FAILED', 'Login failed: No authorization code received.', TRY_AGAIN);
  }
  const granted = await authorization.redeem(callback);
  if (granted.kind === 'tokens') return granted;
  const message = `Login failed: the server did not accept the authorization code (${granted.error}).`;
  throw new UserError('LOGIN_FAILED', message, TRY_AGAIN);
}

const TRY_AGAIN = { hint: 'Run `arcade login` to try again.' };
