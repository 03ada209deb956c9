/**
 * Every environment variable, path and limit, parsed once. Numbers carry their unit in their name.
 * Only the programs in `bin` read the process; they hand what they read to `readSettings`.
 */
import { userInfo } from 'node:os';
import { delimiter, join, resolve } from 'node:path';

/** Limits that no one sets; those of the flusher's life are in `FLUSHER`. */
export const LIMITS = {
  /** How long a command waits for the spool: opening, append and export together. What it cannot append by then it spills. */
  patienceMs: 150,
  /** The same for a login, a logout and the very first run, which say who all others are. */
  identityPatienceMs: 5_000,
  connectMs: 5_000,
  /** All tries of one request to Arcade together. */
  requestMs: 30_000,
  secretsInFlight: 8,
  /** Largest environment file or standard input that is read. */
  inputBytes: 16 * 1024 * 1024,
  /** A token with less than this left is renewed before it is used. */
  freshMs: 5 * 60_000,
  /** Both requests of a refresh together; less where the token at hand still works. */
  refreshMs: 15_000,
  earlyRefreshMs: 5_000,
  /** How long a command waits for another one that changes the credentials; longer than a refresh takes. */
  credentialsLockMs: 20_000,
  /** How long an interrupted command waits for a refresh that is under way. */
  protectedMs: 2_000,
  /** How long logout waits for the server to revoke the login. */
  revokeMs: 2_000,
  /** Largest answer that is read from Arcade. */
  answerBytes: 8 * 1024 * 1024,
} as const;

/** Bounds of the spool: over them the oldest captures go first. */
export const SPOOL = {
  bytesPerRecord: 1_600,
  maxAgeMs: 90 * 24 * 3600_000,
  /** 2026-01-01: no version of this program has recorded anything before. */
  existsSince: 1_767_225_600_000,
  /** Rows that one append may trim, so that its cost stays the same whatever the queue. */
  trimPerAppend: 100,
  /** Spilled captures that one append, or one step of the flusher, takes in. */
  takenInPerStep: 20,
  receipts: 500,
  quarantined: 1_000,
  receiptAgeMs: 30 * 24 * 3600_000,
  flusherRuns: 50,
  attemptsKept: 20,
} as const;

export const FLUSHER = {
  /** From the start of the process to its end, whatever happens. */
  budgetMs: 10_000,
  /** The last moment at which the flusher ends itself with SIGKILL; the rest is the system's time to do so. */
  killAtMs: 9_300,
  /** After this no new request begins and those under way are given up. */
  stopAtMs: 8_800,
  /** It stays this long after the last event was sent, so that a burst of commands starts few of them. */
  lingerMs: 2_000,
  /** A command does not ask for a flusher when another one has done so within this time. */
  askEveryMs: 2_000,
  requestMs: 5_000,
  whoamiMs: 2_000,
  batchRecords: 500,
  batchBytes: 1024 * 1024,
  /** Where the server takes longer than `slowAnswerMs` to answer. */
  batchesInFlight: 5,
  slowAnswerMs: 100,
  /** Captures whose account was still unknown by then are bound without one. */
  unboundMs: 24 * 3600_000,
} as const;

/** The word by which `usage doctor --network` asks a flusher to try the destination and do nothing else. */
export const PROBE = 'probe';

/** Arcade's own hosts. */
export const ARCADE = {
  /** Where a login returns to; a server may know no other port. */
  callbackPort: 9905,
  engineHost: 'api.arcade.dev',
  coordinatorHost: 'cloud.arcade.dev',
  engineLocalPort: 9099,
  coordinatorLocalPort: 8000,
} as const;

type ConsentSource = 'default' | 'ARCADE_USAGE_TRACKING' | 'DO_NOT_TRACK';

/** Where the program stands on disk, and how it was started. */
export interface Program {
  readonly version: string;
  /** Node itself and its own flags, for starting the flusher the same way. */
  readonly execPath: string;
  readonly execArgv: readonly string[];
  readonly flusher: string;
  readonly migrations: string;
  /** Injected into release builds; a source checkout has none. */
  readonly postHogApiKey: string | undefined;
}

export interface Destination {
  readonly host: string;
  /** Undefined: nothing is ever sent. */
  readonly apiKey: string | undefined;
}

export interface Settings {
  readonly program: Program;
  /** What `ARCADE_WORK_DIR` names, absolute: the Python CLI also keeps credentials there. */
  readonly workDirectory: string | undefined;
  /** `.arcade`, absolute; undefined when the system names no home. */
  readonly directory: string | undefined;
  readonly consent: { readonly enabled: boolean; readonly decidedBy: ConsentSource };
  readonly destination: Destination;
  /** `ARCADE_API_KEY` and `ARCADE_URL`: sign in without a credentials file. */
  readonly apiKey: string | undefined;
  readonly url: string | undefined;
  /** How long `login` waits for the person in their browser. */
  readonly loginTimeoutSeconds: number;
  readonly maxRecords: number;
  readonly debug: boolean;
  readonly flusherEnvironment: Readonly<Record<string, string>>;
  /** What a browser is started with: the environment without secrets. */
  readonly browser: () => { platform: NodeJS.Platform; environment: Record<string, string> };
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the environment. Throws nothing: what cannot be understood counts as not given. */
export function readSettings(
  env: Environment,
  program: Program,
  platform: NodeJS.Platform = process.platform,
): Settings {
  const parent = workDirectory(env, platform);
  return Object.freeze({
    program,
    workDirectory: given(env.ARCADE_WORK_DIR) === undefined ? undefined : parent,
    directory: parent === undefined ? undefined : join(parent, '.arcade'),
    consent: Object.freeze(readConsent(env)),
    destination: Object.freeze({
      host: withoutUser(given(env.ARCADE_POSTHOG_HOST) ?? 'https://us.i.posthog.com').replace(/\/+$/, ''),
      apiKey: given(env.ARCADE_POSTHOG_API_KEY) ?? given(program.postHogApiKey),
    }),
    apiKey: given(env.ARCADE_API_KEY),
    url: given(env.ARCADE_URL),
    loginTimeoutSeconds: positiveInteger(env.ARCADE_LOGIN_TIMEOUT_SECONDS) ?? 600,
    maxRecords: positiveInteger(env.ARCADE_USAGE_MAX_RECORDS) ?? 10_000,
    debug: isOn(env.ARCADE_DEBUG),
    flusherEnvironment: Object.freeze(flusherEnvironment(env, parent, platform)),
    browser: () => ({ platform, environment: browserEnvironment(env) }),
  });
}

function given(value: string | undefined): string | undefined {
  const trimmed = value?.trim();
  return trimmed === '' ? undefined : trimmed;
}

/** An address without user name and password. What is no address of a web server stays none. */
function withoutUser(address: string): string {
  if (!address.includes('@')) return address;
  const url = URL.parse(address);
  if (url === null || !/^https?:$/.test(url.protocol)) return address.replace(/^.*@/s, '');
  url.username = '';
  url.password = '';
  return url.href;
}

function isOn(value: string | undefined): boolean {
  return !['', '0', 'false', 'no', 'off'].includes((value ?? '').trim().toLowerCase());
}

function positiveInteger(value: string | undefined): number | undefined {
  const number = Number(given(value));
  return Number.isSafeInteger(number) && number > 0 ? number : undefined;
}

/** DO_NOT_TRACK beats everything (https://consoledonottrack.com); any value that is not a plain "no" counts. */
function readConsent(env: Environment): Settings['consent'] {
  if (isOn(env.DO_NOT_TRACK)) return { enabled: false, decidedBy: 'DO_NOT_TRACK' };
  const off = ['0', 'false', 'no', 'off', 'n', 'f', 'disabled', 'none'];
  if (off.includes((env.ARCADE_USAGE_TRACKING ?? '').trim().toLowerCase())) {
    return { enabled: false, decidedBy: 'ARCADE_USAGE_TRACKING' };
  }
  return { enabled: true, decidedBy: 'default' };
}

/** Where Python's `Path.home()` looks, for the Python CLI has its `.arcade` there: on Windows that is not HOME. */
function workDirectory(env: Environment, platform: NodeJS.Platform): string | undefined {
  const isWindows = platform === 'win32';
  const home = given(isWindows ? env.USERPROFILE : env.HOME) ?? homeOfUser();
  const chosen = given(env.ARCADE_WORK_DIR);
  if (chosen === undefined) return home === undefined ? undefined : absolute(home);
  const isBelowHome = chosen === '~' || chosen.startsWith('~/') || (isWindows && chosen.startsWith('~\\'));
  if (!isBelowHome) return absolute(chosen);
  return home === undefined ? undefined : absolute(join(home, chosen.slice(2)));
}

/** Undefined for a relative path in a working directory that has been deleted. */
function absolute(path: string): string | undefined {
  try {
    return resolve(path);
  } catch {
    return undefined;
  }
}

function homeOfUser(): string | undefined {
  try {
    return given(userInfo().homedir);
  } catch {
    return undefined; // A user id without an entry in the user database, as in many containers.
  }
}

/** Windows takes no notice of upper and lower case; elsewhere `Home` is another variable than `HOME`. */
const PASSED_ON =
  /^(HOME|XDG_CACHE_HOME|USERPROFILE|HOMEDRIVE|HOMEPATH|PATH|SYSTEMROOT|WINDIR|TEMP|TMP|TMPDIR|LANG|LC_(?:ALL|COLLATE|CTYPE|MESSAGES|MONETARY|NUMERIC|TIME)|TZ|(?:HTTPS?|ALL|NO)_PROXY|(?:https?|all|no)_proxy|NODE_EXTRA_CA_CERTS|NODE_USE_(?:SYSTEM_CA|ENV_PROXY)|OPENSSL_CONF|SSL_CERT_(?:FILE|DIR)|LD_LIBRARY_PATH|DYLD_\w+_PATH|DO_NOT_TRACK|ARCADE_(?:WORK_DIR|USAGE_TRACKING|USAGE_MAX_RECORDS|POSTHOG_HOST|POSTHOG_API_KEY|API_KEY|URL))$/;

/** Files and lists of folders: the flusher runs in another directory, where a relative one would not be found. */
const PATHS = /^(NODE_EXTRA_CA_CERTS|OPENSSL_CONF|SSL_CERT_FILE)$/;
const PATH_LISTS = /^(SSL_CERT_DIR|LD_LIBRARY_PATH|DYLD_\w+_PATH)$/;

/**
 * What the flusher may know of the user's environment: what the command needed to start, to find its home and to reach
 * a server, and so what makes its TLS work. Of NODE_OPTIONS only that (the rest would run code), not POSTHOG_* (it
 * would change the protocol), and ARCADE_API_KEY as the only secret: without it the flusher could not find out whose
 * events it binds. `parent` is what ARCADE_WORK_DIR names, absolute.
 */
export function flusherEnvironment(
  env: Environment,
  parent: string | undefined,
  platform: NodeJS.Platform,
): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const [given, value] of Object.entries(env)) {
    const name = platform === 'win32' ? given.toUpperCase() : given;
    if (value === undefined || !PASSED_ON.test(name)) continue;
    const isList = PATH_LISTS.test(name);
    if (isList || PATHS.test(name)) {
      // An empty path would be the working directory, which may be another user's.
      const paths = (isList ? value.split(delimiter) : [value]).filter((path) => path !== '');
      environment[name] = paths.map((path) => absolute(path) ?? path).join(delimiter);
    } else {
      environment[name] = value;
    }
  }
  if (parent !== undefined) environment.ARCADE_WORK_DIR = parent;
  const options = tlsFlags(wordsOf(env.NODE_OPTIONS ?? '')).map(
    (flag) => `"${flag.replace(/["\\]/g, '\\$&')}"`,
  );
  if (options.length > 0) environment.NODE_OPTIONS = options.join(' ');
  return environment;
}

/** NODE_OPTIONS taken apart as Node does: at spaces, but not within double quotes, where a backslash quotes. */
function wordsOf(options: string): string[] {
  const words = options.match(/(?:"(?:\\.|[^"\\])*"|[^\s"])+/g) ?? [];
  return words.map((word) =>
    word.replace(/"((?:\\.|[^"\\])*)"/g, (_, text: string) => text.replace(/\\(.)/g, '$1')),
  );
}

const TLS_FLAG =
  /^--(?:no-)?(?:use-(?:system|openssl|bundled)-ca|tls-(?:min|max)-v1\.[0-3]|openssl-(?:legacy-provider|shared-config))$/;
const TLS_FLAG_WITH_VALUE = /^--(tls-cipher-list|openssl-config)(?:=(.*))?$/s;

/** Of Node's own flags those about certificate authorities and TLS; a file that one names is made absolute. */
export function tlsFlags(flags: readonly string[]): string[] {
  return flags.flatMap((flag, i) => {
    if (TLS_FLAG.test(flag)) return [flag];
    const [, name, value = flags[i + 1] ?? ''] = TLS_FLAG_WITH_VALUE.exec(flag) ?? [];
    if (name === undefined) return [];
    return [`--${name}=${name === 'openssl-config' ? (absolute(value) ?? value) : value}`];
  });
}

/**
 * A browser lives longer than the command and hands its environment on to whatever it starts. RES_OPTIONS may be the
 * command's own.
 */
function browserEnvironment(env: Environment): Record<string, string> {
  const isSecret = (name: string): boolean =>
    /^(ARCADE_|POSTHOG_|RES_OPTIONS$|NODE_)|KEY|TOKEN|SECRET|PASSW|CREDENTIAL/i.test(name);
  const passed = Object.entries(env).filter(([name, value]) => value !== undefined && !isSecret(name));
  return Object.fromEntries(passed) as Record<string, string>;
}
