/** `arcade login` */
import { bearerOf } from '../auth/bearer.ts';
import { chosenCoordinatorUrl, coordinatorUrl } from '../auth/connection.ts';
import { accountOf, type Credentials, readStored } from '../auth/credentials.ts';
import { credentialsFile, requireWritable } from '../auth/credentials-file.ts';
import { isApiKey } from '../auth/legacy-login.ts';
import { logInWithBrowser } from '../auth/login.ts';
import { newKeyLogin, newLoginOf } from '../auth/new-login.ts';
import { askPrincipal } from '../auth/principal.ts';
import { type NewLogin, storeLogin } from '../auth/store.ts';
import { UserError, usageError } from '../errors.ts';
import { openBrowser } from '../infra/os/browser.ts';
import type { Invocation, Run } from '../invocation.ts';
import { readAll } from '../terminal/prompt.ts';
import { type Safe, say, visible } from '../terminal/visible.ts';

/** Node's timers reach no further. */
const MAX_SECONDS = 2_147_483;
/** How long it may take to find out whether the login at hand is still good. */
const CHECK_MS = 5_000;

/** Signs somebody in and stores it. Whoever is signed in already stays, without `--force`. */
export const run: Run = async (invocation) => {
  const { connection, identityChanged, interrupted, options, output, settings } = invocation;
  const timeoutSeconds = timeoutOf(invocation);
  const directory = directoryOf(invocation);
  interrupted.addEventListener('abort', () => output.note(say`Login cancelled.`));
  const stored = await storedBefore(invocation);
  const coordinator = chosenCoordinatorUrl(connection, settings, stored);
  requireWritable(credentialsFile(directory));
  if (options.force !== true && (await isSignedIn(invocation, stored, coordinator))) {
    tellSignedIn(invocation, stored);
    return;
  }
  const store = async (login: NewLogin): Promise<NewLogin> => {
    await storeLogin(directory, login, { interrupted, discard: options.force === true });
    return login;
  };
  const login =
    options['api-key'] === true
      ? await store(await newKeyLogin(await readKey(invocation), coordinator))
      : await throughBrowser(invocation, { coordinator, timeoutSeconds, store });
  // Where the variable is set it stays who is signed in.
  if (settings.apiKey === undefined) {
    const account = accountOf(login) ?? '';
    identityChanged({ kind: 'login', account, principalId: login.accountId }, login);
  }
  tellLogin(invocation, login);
};

interface ThroughBrowser {
  readonly coordinator: string;
  readonly timeoutSeconds: number;
  readonly store: (login: NewLogin) => Promise<NewLogin>;
}

function throughBrowser(
  invocation: Invocation,
  { coordinator, timeoutSeconds, store }: ThroughBrowser,
): Promise<NewLogin> {
  const { interrupted, output } = invocation;
  const show = (url: string, port: string): void => showPage(invocation, url, port);
  const login = { coordinator, timeoutSeconds, interrupted, show, debug: debugOf(invocation) };
  return logInWithBrowser(login, async (proof) => {
    const warning = proof.kind === 'api_key' ? proof.warning : null;
    if (warning !== null) output.note(say`Warning: ${visible(warning)}`);
    return store(await newLoginOf(proof, coordinator));
  });
}

function timeoutOf({ options, settings }: Invocation): number {
  if (typeof options.timeout !== 'string') return Math.min(settings.loginTimeoutSeconds, MAX_SECONDS);
  const seconds = Number(options.timeout);
  if (options.timeout.trim() === '' || !Number.isFinite(seconds)) {
    throw usageError("Invalid value for '--timeout': it is no number of seconds.");
  }
  return seconds <= 0 ? settings.loginTimeoutSeconds : Math.min(seconds, MAX_SECONDS);
}

function directoryOf({ settings }: Invocation): string {
  if (settings.directory !== undefined) return settings.directory;
  throw new UserError('CREDENTIALS_UNWRITABLE', 'There is no home directory to store the login in.', {
    hint: 'Set HOME or ARCADE_WORK_DIR, or use ARCADE_API_KEY, which needs no file.',
  });
}

async function storedBefore({ options, settings }: Invocation): Promise<Credentials> {
  try {
    return await readStored(settings.directory);
  } catch (error) {
    if (options.force === true && error instanceof UserError) return { kind: 'none' };
    throw error;
  }
}

/** Whether somebody is signed in, as far as anybody can tell: a login that is known to be over is none. */
async function isSignedIn(
  { settings, protect }: Invocation,
  stored: Credentials,
  coordinator: string,
): Promise<boolean> {
  if (stored.kind === 'none') return false;
  if (coordinatorUrl(settings, stored) !== coordinator) return true;
  try {
    await bearerOf(stored, settings, protect);
  } catch (error) {
    if (error instanceof UserError) return false;
    throw error;
  }
  const limits = { limitMs: CHECK_MS, now: Date.now() };
  return (await askPrincipal(await readStored(settings.directory), coordinator, limits)).kind !== 'refused';
}

function tellSignedIn({ output }: Invocation, stored: Credentials): void {
  if (stored.kind === 'none') return;
  output.line(say`You're already logged in as ${nameOf(stored)}.`);
  output.line(say`To log out and delete your locally-stored credentials, use \`arcade logout\`.`);
  output.note(say`To log in anew, use \`arcade login --force\`.`);
}

function nameOf({ email, accountId }: Exclude<Credentials, { kind: 'none' }>): Safe {
  return visible(email ?? accountId ?? 'the owner of an API key');
}

async function readKey({ askHidden, input }: Invocation): Promise<string> {
  const typed = input.isTTY === true ? await askHidden('API key (not shown): ') : await readAll(input);
  const apiKey = (typed ?? '').trim();
  if (apiKey === '') throw usageError('No API key was given.', 'Type it, or pipe it in.', 'VALUE_REQUIRED');
  if (!isApiKey(apiKey)) throw usageError('That is no API key: it holds blanks or other characters.');
  return apiKey;
}

function showPage({ options, output }: Invocation, url: string, port: string): void {
  if (options['no-browser'] === true) {
    output.note(say`Open this URL in your browser to log in: ${visible(url)}`);
    output.note(
      say`It comes back to port ${visible(port)} of this machine: from another one, forward that port (ssh -L).`,
    );
    return;
  }
  output.note(say`Opening a browser to log you in...`);
  output.note(
    say`If a browser doesn't open automatically, copy this URL and paste it into your browser: ${visible(url)}`,
  );
  void openBrowser(url).then((opened) => {
    if (!opened) {
      output.note(
        say`No browser could be opened. Where there is none, \`arcade login --api-key\` signs in without.`,
      );
    }
  });
}

function debugOf({ options, output, settings }: Invocation): (what: string) => void {
  return (what) => {
    if (settings.debug || options.debug === true) output.note(say`login: ${visible(what)}`);
  };
}

function tellLogin({ output, settings }: Invocation, login: NewLogin): void {
  output.line(say`✅ Logged in as ${nameOf(login)}.`);
  if (login.kind === 'oauth') {
    const { orgName, projectName } = login.context;
    output.line(say`Active project: ${visible(orgName ?? '')} / ${visible(projectName ?? '')}`);
    output.note(say`Switch with \`arcade org set\` and \`arcade project set\`.`);
  }
  if (settings.apiKey !== undefined) {
    output.note(say`Note: ARCADE_API_KEY is set and comes before this login. Unset it to use the login.`);
  }
}
