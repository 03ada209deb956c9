/** `arcade login` */
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import { coordinatorUrl, loginCoordinatorUrl } from '../auth/connection.ts';
import { askPrincipal } from '../auth/coordinator.ts';
import { isApiKey, readStored, type SomeCredentials } from '../auth/credentials.ts';
import { credentialsFile, requireOwnPlace, requireWritable } from '../auth/credentials-file.ts';
import { type Invitation, logInWithBrowser, newKeyLogin } from '../auth/login.ts';
import { ifMalformed, type NewLogin, storeLogin } from '../auth/store.ts';
import { bearerOf } from '../auth/token.ts';
import { UserError, usageError } from '../errors.ts';
import { openBrowser } from '../infra/os/browser.ts';
import type { Invocation, Run } from '../invocation.ts';
import { readAll } from '../terminal/prompt.ts';
import { type Safe, say, visible } from '../terminal/visible.ts';

/** Node's timers reach no further. */
const MAX_SECONDS = 2_147_483;
/** How long it may take to find out whether the login at hand is still good. */
const CHECK_MS = 5_000;

/** Signs a person in and stores the login. One that is there already stays, without `--force`. */
export const run: Run = async (invocation) => {
  const { connection, identityChanged, interrupted, options, output, settings } = invocation;
  const timeoutSeconds = timeoutOf(invocation);
  const directory = directoryOf(invocation);
  interrupted.addEventListener('abort', () => output.note(say`Login cancelled.`));
  requireOwnPlace(directory);
  // A file that holds no login is no obstacle: the new login replaces it.
  const stored = (await readStored(directory).catch(ifMalformed)) ?? { kind: 'none' };
  const coordinator = loginCoordinatorUrl(connection, settings, stored);
  requireWritable(credentialsFile(directory));
  const mayStay = stored.kind !== 'none' && options.force !== true;
  if (mayStay && (await isSignedIn(invocation, stored, coordinator)))
    return printSignedIn(invocation, stored, coordinator);
  const store = async (login: NewLogin): Promise<void> => {
    const copy = await storeLogin(directory, login, interrupted);
    if (copy !== undefined) output.note(say`The file that was there is kept as ${visible(copy)}.`);
  };
  let login: NewLogin;
  if (options['api-key'] === true) {
    login = await newKeyLogin(await readKey(invocation), coordinator);
    await store(login);
  } else login = await throughBrowser(invocation, { coordinator, timeoutSeconds, store });
  // Where the variable is set it stays who is signed in.
  if (settings.apiKey === undefined) identityChanged({ kind: 'login', principalId: login.accountId }, login);
  printLogin(invocation, login);
};

interface ThroughBrowser {
  readonly coordinator: string;
  readonly timeoutSeconds: number;
  readonly store: (login: NewLogin) => Promise<void>;
}

async function throughBrowser(
  invocation: Invocation,
  { coordinator, timeoutSeconds, store }: ThroughBrowser,
): Promise<NewLogin> {
  const { input, interrupted, output } = invocation;
  const isInteractive = input.isTTY === true && output.stderrIsTerminal;
  const typed = isInteractive ? createInterface({ input, terminal: false }) : undefined;
  const login = {
    coordinator,
    timeoutSeconds,
    interrupted,
    show: (invitation: Invitation) => show(invocation, invitation, typed),
    agreeToLegacy: (host: string) => agreeToLegacy(invocation, host, typed),
    warn: (what: string) => output.note(say`Warning: ${visible(what)}`),
    debug: debugOf(invocation),
  };
  try {
    return await logInWithBrowser(login, store);
  } finally {
    typed?.close();
  }
}

/** Without a terminal there is no one to ask: the person is told. */
async function agreeToLegacy(
  { output }: Invocation,
  host: string,
  typed: Interface | undefined,
): Promise<boolean> {
  const what = say`${visible(host)} does not support OAuth: its login sends an API key through your browser's address bar.`;
  output.warn(what);
  if (typed === undefined) return true;
  output.ask(say`Continue? [y/N] `);
  const [answer] = await once(typed, 'line');
  return /^y(es)?$/i.test(String(answer).trim());
}

function timeoutOf({ options, settings }: Invocation): number {
  return options.timeout || Math.min(settings.loginTimeoutSeconds, MAX_SECONDS);
}

function directoryOf({ settings }: Invocation): string {
  if (settings.directory !== undefined) return settings.directory;
  throw new UserError('CREDENTIALS_UNWRITABLE', 'No home directory to store the login in.', {
    hint: 'Set HOME or ARCADE_WORK_DIR, or use ARCADE_API_KEY, which needs no file.',
  });
}

/** Whether someone is signed in, as far as can be told: a login that is over, or at no usable address, is none. */
async function isSignedIn(
  { settings, protect }: Invocation,
  stored: SomeCredentials,
  coordinator: string,
): Promise<boolean> {
  try {
    if (coordinatorUrl(settings, stored) !== coordinator) return true;
    await bearerOf(stored, settings, protect);
  } catch (error) {
    if (error instanceof UserError) return false;
    throw error;
  }
  const limits = { limitMs: CHECK_MS, now: Date.now() };
  return (await askPrincipal(await readStored(settings.directory), coordinator, limits)).kind !== 'refused';
}

function printSignedIn(
  { output, settings }: Invocation,
  stored: SomeCredentials,
  coordinator: string,
): undefined {
  const own = coordinatorUrl(settings, stored);
  const where = own === coordinator ? '' : say` at ${visible(new URL(own).host)}`;
  const who =
    (stored.email ?? stored.accountId) === null
      ? say`with an API key${where}`
      : say`as ${nameOf(stored)}${where}`;
  output.line(say`You're already logged in ${who}.`);
  output.line(say`To log out and delete your locally-stored credentials, use \`arcade logout\`.`);
  output.note(say`To log in again, use \`arcade login --force\`.`);
}

function nameOf({ email, accountId }: SomeCredentials): Safe {
  return visible(email ?? accountId ?? 'the owner of an API key');
}

async function readKey({ askHidden, input }: Invocation): Promise<string> {
  const typed = input.isTTY === true ? await askHidden('API key (not shown): ') : await readAll(input);
  const apiKey = (typed ?? '').trim();
  if (apiKey === '') throw usageError('No API key was given.', 'Type it, or pipe it in.', 'VALUE_REQUIRED');
  if (!isApiKey(apiKey))
    throw usageError('Not a valid API key: it contains spaces or other invalid characters.');
  return apiKey;
}

function show(
  { options, output, settings }: Invocation,
  { url, oneTimeUrl, port, accept }: Invitation,
  typed: Interface | undefined,
): void {
  const paste = say`If the browser runs on another machine, copy the address that it ends on and paste it here.`;
  typed?.on('line', (line) => {
    if (line.trim() !== '' && !accept(line))
      output.warn(say`That is not the address of this login. Copy all of it from the address bar.`);
  });
  if (options['no-browser'] === true) {
    output.warn(say`Open this URL in your browser to log in: ${visible(url)}`);
    output.note(
      typed === undefined
        ? say`The browser returns to port ${port} on this machine. If it runs elsewhere, forward that port first: ssh -L ${port}:127.0.0.1:${port} HOST`
        : paste,
    );
    return;
  }
  output.note(say`Opening a browser to log you in...`);
  output.warn(
    say`If a browser doesn't open automatically, copy this URL and paste it into your browser: ${visible(url)}`,
  );
  void openBrowser(oneTimeUrl, settings.browser()).then((opened) => {
    if (opened) return;
    output.warn(say`Could not open a browser. Without one, use \`arcade login --api-key\`.`);
    if (typed !== undefined) output.note(paste);
  });
}

function debugOf({ options, output, settings }: Invocation): (what: string) => void {
  return (what) => {
    if (settings.debug || options.debug === true) output.note(say`login: ${visible(what)}`);
  };
}

function printLogin({ output, settings }: Invocation, login: NewLogin): void {
  output.line(say`✅ Logged in as ${nameOf(login)}.`);
  if (login.kind === 'oauth') {
    const { orgName, projectName } = login.context;
    output.line(say`Active project: ${visible(orgName ?? '')} / ${visible(projectName ?? '')}`);
    output.note(say`Switch with \`arcade org set\` and \`arcade project set\`.`);
  }
  if (settings.apiKey !== undefined) {
    output.note(
      say`Note: ARCADE_API_KEY is set and takes precedence over this login. Unset it to use the login.`,
    );
  }
}
