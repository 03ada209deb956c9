/**
 * Everything that can be typed: one row a command. Parsing, help, completion, the names of events and the check of
 * README all follow from this table. Nothing of a command is loaded before it runs.
 */
import { type ErrorCode, RECORDED_MESSAGES } from '../errors.ts';
import type { CommandName } from '../usage/event/event.ts';
import type { Command, Group, Option } from './spec.ts';

const ERROR_CODES = Object.keys(RECORDED_MESSAGES) as readonly ErrorCode[];

/** Options of every command, before or after its name. */
const GLOBALS = [
  { name: 'json', describe: 'Print the result as one JSON document' },
  { name: 'quiet', short: 'q', describe: 'Hide progress and notes; results, warnings and errors stay' },
  { name: 'no-color', describe: 'Print without colors' },
  { name: 'no-input', describe: 'Never prompt; fail instead' },
  { name: 'debug', short: 'd', describe: 'Show details and stack traces on stderr' },
] as const satisfies readonly Option[];
export const GLOBAL_OPTIONS: readonly Option[] = GLOBALS;

const DAYS = { name: 'days', value: 'N', range: [1, 90], describe: 'The last N days, at most 90' } as const;
const YES = { name: 'yes', short: 'y', describe: 'Skip the confirmation' } as const;
const ALL = { name: 'all', describe: 'All matching records' } as const;

/** The groups by their names; '' is the program itself. */
const GROUP_TABLE = {
  '': { describe: ['Manage the secrets of your Arcade tools.'], options: [], examples: [] },
  secret: {
    describe: ['Manage the secrets of your tools.'],
    options: connection('engine', 'api.arcade.dev', 9099),
    examples: ['secret set API_KEY', 'secret list'],
  },
  org: {
    describe: ['List or switch organizations.'],
    options: connection('coordinator', 'cloud.arcade.dev', 8000),
    examples: ['org list', 'org set ORG_ID'],
  },
  project: {
    describe: ['List or switch projects.', 'They are those of the active organization.'],
    options: connection('coordinator', 'cloud.arcade.dev', 8000),
    examples: ['project list', 'project set PROJECT_ID'],
  },
  usage: {
    describe: [
      'View and control usage events.',
      'Without a command it shows the status. `arcade debug` is another name for `arcade usage`.',
    ],
    options: [],
    recorded: false,
    runs: 'usage status',
    alias: 'debug',
    examples: ['usage', 'usage list --state pending', 'usage preview -- secret list', 'usage disable'],
  },
} as const satisfies Record<string, Group>;
export const GROUPS: ReadonlyMap<string, Group> = new Map(Object.entries(GROUP_TABLE));

/** The commands by their words, in the order in which help lists them. */
const COMMAND_TABLE = {
  'secret set': {
    usage: '[KEY=VALUE]...',
    describe: [
      'Set one or more secrets.',
      'KEY alone, or KEY=-, prompts for the value without showing it, or reads it from a pipe.',
    ],
    examples: [
      'secret set API_KEY',
      'secret set API_KEY=value OTHER=value',
      'secret set TLS_CERT --stdin < cert.pem',
      'secret set --env-file prod.env',
      "secret set --env-file prod.env --only 'DB_*' --dry-run",
    ],
    options: [
      { name: 'from-env', describe: 'Set every secret in an environment file' },
      {
        name: 'env-file',
        short: 'f',
        value: 'PATH',
        default: '.env',
        completes: 'files',
        describe: 'The environment file; - is standard input',
      },
      { name: 'only', value: 'NAMES', describe: 'Set only these names in the file, such as DB_*,API_KEY' },
      { name: 'exclude', value: 'NAMES', describe: 'Skip these names in the file' },
      { name: 'dry-run', describe: 'Show what would be created, replaced and skipped; send nothing' },
      { name: 'stdin', describe: 'Read the value of KEY from standard input' },
    ],
    fails: 'a secret could not be set',
    completes: 'secret keys',
    everyday: true,
    load: async () => (await import('../commands/secret/set.ts')).run,
  },
  'secret list': {
    describe: ['List your secrets.', 'Values are never shown.'],
    examples: ['secret list', 'secret list --json'],
    everyday: true,
    load: async () => (await import('../commands/secret/list.ts')).run,
  },
  'secret unset': {
    usage: '<KEY>...',
    describe: ['Delete one or more secrets.'],
    examples: ['secret unset API_KEY', 'secret unset API_KEY OTHER'],
    fails: 'a secret could not be deleted',
    completes: 'secret keys',
    everyday: true,
    load: async () => (await import('../commands/secret/unset.ts')).run,
  },
  login: {
    describe: [
      'Log in with a browser or API key.',
      'Without a browser on this machine: --no-browser prints the URL to open elsewhere; --api-key reads a key.',
    ],
    examples: ['login', 'login --host arcade.example.com', 'login --api-key < key.txt'],
    options: [
      { name: 'api-key', describe: 'Read an API key from standard input or a hidden prompt' },
      { name: 'no-browser', describe: 'Print the URL instead of opening a browser' },
      {
        name: 'timeout',
        value: 'SECONDS',
        range: [0, 2_147_483],
        default: '600',
        describe: 'How long to wait for the browser',
      },
      { name: 'force', describe: 'Log in again even if already logged in' },
      ...connection('coordinator', 'cloud.arcade.dev', 8000),
    ],
    json: false,
    everyday: true,
    load: async () => (await import('../commands/login.ts')).run,
  },
  logout: {
    describe: ['Log out.', 'Deletes the stored credentials and revokes the login on the server.'],
    examples: ['logout'],
    json: false,
    everyday: true,
    load: async () => (await import('../commands/logout.ts')).run,
  },
  whoami: {
    describe: ['Show who is logged in.', 'With the active organization and project.'],
    examples: ['whoami', 'whoami --json'],
    everyday: true,
    load: async () => (await import('../commands/whoami.ts')).run,
  },
  'org list': {
    describe: ['List your organizations.'],
    examples: ['org list', 'org list --json'],
    load: async () => (await import('../commands/organizations.ts')).listOrgs,
  },
  'org set': {
    usage: '<ORG_ID>',
    describe: [
      'Switch to an organization and its default project.',
      'ORG_ID is an id shown by `arcade org list`.',
    ],
    examples: ['org set 5f0c8a52-6f3e-4b0c-9a55-0d7c1a2b3c4d'],
    completes: 'organizations',
    load: async () => (await import('../commands/organizations.ts')).setOrg,
  },
  'project list': {
    describe: ['List the projects of the active organization.'],
    examples: ['project list', 'project list --json'],
    load: async () => (await import('../commands/organizations.ts')).listProjectsOfOrg,
  },
  'project set': {
    usage: '<PROJECT_ID>',
    describe: [
      'Switch to another project of the active organization.',
      'PROJECT_ID is an id shown by `arcade project list`.',
    ],
    examples: ['project set 5f0c8a52-6f3e-4b0c-9a55-0d7c1a2b3c4d'],
    completes: 'projects',
    load: async () => (await import('../commands/organizations.ts')).setProject,
  },
  'usage status': {
    describe: [
      'Show whether usage is recorded, what is pending, what was sent, and why nothing is being sent.',
    ],
    examples: ['usage', 'usage status --json'],
    load: async () => (await import('../commands/usage/status.ts')).run,
  },
  'usage list': {
    describe: [
      'List records: pending, quarantined and recently delivered.',
      'On a terminal only the last 50; all when piped or with --json.',
    ],
    examples: [
      'usage list',
      'usage list --state quarantined',
      'usage list --command secret.set --since 2d',
      'usage list --limit 10000 --json',
    ],
    options: [
      {
        name: 'state',
        value: 'STATE',
        choices: ['pending', 'quarantined', 'delivered'],
        describe: 'Only records in this state',
      },
      {
        name: 'command',
        value: 'NAME',
        completes: 'a command line',
        describe: 'Only records of this command, such as secret.set',
      },
      { name: 'since', value: 'TIME', describe: 'Only records since TIME: 30m, 12h, 2d, 1w, or a date' },
      { name: 'limit', value: 'N', range: [1, Number.POSITIVE_INFINITY], describe: 'The last N records' },
    ],
    load: async () => (await import('../commands/usage/list.ts')).run,
  },
  'usage show': {
    usage: '<ID>',
    describe: [
      'Show one record: the exact event, the identity it is sent as, and each delivery attempt.',
      'ID is the number or uuid of the record.',
    ],
    examples: ['usage show 17', 'usage show 17 --json'],
    completes: 'records',
    load: async () => (await import('../commands/usage/show.ts')).run,
  },
  'usage preview': {
    usage: '<COMMAND>...',
    describe: [
      'Show the exact event that a command would record.',
      'The command follows --. Nothing is run, sent or written, and it works when recording is off.',
    ],
    examples: [
      'usage preview -- secret set API_KEY=value',
      'usage preview --error TIMED_OUT -- secret list',
      'usage preview --json -- login',
    ],
    options: [
      {
        name: 'error',
        value: 'CODE',
        choices: ERROR_CODES,
        default: 'UNEXPECTED',
        describe: 'The error_code of the failure',
      },
    ],
    completes: 'a command line',
    verbatim: true,
    load: async () => (await import('../commands/usage/preview.ts')).run,
  },
  'usage watch': {
    describe: [
      'Watch the queue, the flusher and the latest responses; Ctrl-C to quit.',
      'Piped, it prints one line of JSON for each change.',
    ],
    examples: ['usage watch', 'usage watch | jq .pending'],
    options: [{ name: 'json', describe: 'Print one line of JSON for each change, on a terminal too' }],
    load: async () => (await import('../commands/usage/watch.ts')).run,
  },
  'usage stats': {
    describe: ['Chart events per day, slowest commands, queue length and delivery delay.'],
    examples: ['usage stats', 'usage stats --days 30', 'usage stats --json'],
    options: [{ ...DAYS, default: '14' }],
    load: async () => (await import('../commands/usage/stats.ts')).run,
  },
  'usage report': {
    describe: ['Write the charts and all events to one self-contained HTML file.'],
    examples: ['usage report --open', 'usage report --output usage.html --days 30'],
    options: [
      {
        name: 'output',
        short: 'o',
        value: 'FILE',
        default: './arcade-usage.html',
        completes: 'files',
        describe: 'Output file; - is standard output',
      },
      { ...DAYS, default: '30' },
      { name: 'open', describe: 'Open it in the browser' },
    ],
    load: async () => (await import('../commands/usage/report.ts')).run,
  },
  'usage export': {
    describe: ['Write every record to standard output, exactly as it is sent.'],
    examples: ['usage export > events.ndjson', 'usage export --format csv > events.csv'],
    options: [
      {
        name: 'format',
        value: 'FORMAT',
        choices: ['ndjson', 'csv'],
        not: 'json',
        default: 'ndjson',
        describe: 'ndjson (one JSON object per line) or csv',
      },
    ],
    load: async () => (await import('../commands/usage/export.ts')).run,
  },
  'usage doctor': {
    describe: ['Check everything that recording and sending need.'],
    examples: ['usage doctor', 'usage doctor --network', 'usage doctor --json'],
    options: [{ name: 'network', describe: 'Also test the connection to PostHog, without sending an event' }],
    fails: 'a problem was found',
    load: async () => (await import('../commands/usage/doctor.ts')).run,
  },
  'usage identity': {
    describe: ['List the identities this machine has used.'],
    examples: ['usage identity', 'usage identity --json'],
    load: async () => (await import('../commands/usage/identity.ts')).run,
  },
  'usage flush': {
    describe: ['Send pending events now, in the foreground, ignoring any back-off.'],
    examples: ['usage flush', 'usage flush --timeout 30'],
    options: [
      {
        name: 'timeout',
        value: 'SECONDS',
        range: [0.1, 3600],
        default: '10',
        describe: 'Give up after this many seconds',
      },
    ],
    fails: 'events are still pending',
    load: async () => (await import('../commands/usage/flush.ts')).run,
  },
  'usage requeue': {
    usage: '[ID]',
    describe: ['Retry a quarantined record, or all of them with --all.'],
    examples: ['usage requeue 17', 'usage requeue --all'],
    options: [ALL],
    completes: 'records',
    load: async () => (await import('../commands/usage/records.ts')).requeueRecords,
  },
  'usage discard': {
    usage: '[ID]',
    describe: [
      'Permanently drop a pending or quarantined record, or all of them with --all.',
      'They count as dropped, with reason "discarded"; events that wait in files go uncounted.',
    ],
    examples: ['usage discard 17', 'usage discard --all --yes'],
    options: [ALL, YES],
    completes: 'records',
    load: async () => (await import('../commands/usage/records.ts')).discardRecords,
  },
  'usage reset': {
    describe: ['Start a new anonymous identity (asks for confirmation).'],
    examples: ['usage reset', 'usage reset --yes'],
    options: [YES],
    load: async () => (await import('../commands/usage/reset.ts')).run,
  },
  'usage enable': {
    describe: ['Resume recording. Erased events are not restored.'],
    examples: ['usage enable'],
    load: async () => (await import('../commands/usage/consent.ts')).resumeRecording,
  },
  'usage disable': {
    describe: ['Stop recording and erase all locally stored events.'],
    examples: ['usage disable'],
    load: async () => (await import('../commands/usage/consent.ts')).stopRecording,
  },
  completion: {
    usage: '<SHELL>',
    describe: [
      'Print a shell completion script.',
      'For bash, zsh or fish. It completes commands, options, secret keys, and the ids of organizations, projects and records.',
    ],
    examples: [
      'completion bash >> ~/.bashrc',
      'completion zsh >> ~/.zshrc',
      'completion fish > ~/.config/fish/completions/arcade.fish',
    ],
    json: false,
    recorded: false,
    choices: ['bash', 'zsh', 'fish'],
    load: async () => (await import('../commands/completion.ts')).run,
  },
  __complete: {
    usage: '<SHELL>',
    describe: ['What a shell asks at Tab; the words of the line come by standard input.'],
    examples: ['__complete bash'],
    json: false,
    recorded: false,
    hidden: true,
    choices: ['bash', 'zsh', 'fish'],
    load: async () => (await import('../commands/complete.ts')).run,
  },
} as const satisfies Record<string, Command>;
export const COMMANDS: ReadonlyMap<string, Command> = new Map(Object.entries(COMMAND_TABLE));

type OptionsIn<Row> = Row extends { readonly options: readonly (infer Each)[] } ? Each : never;
type AnyOption =
  | (typeof GLOBALS)[number]
  | OptionsIn<(typeof GROUP_TABLE)[keyof typeof GROUP_TABLE]>
  | OptionsIn<(typeof COMMAND_TABLE)[keyof typeof COMMAND_TABLE]>;
type ValueOf<Each> = Each extends { readonly choices: readonly (infer Choice)[] }
  ? Choice
  : Each extends { readonly range: unknown }
    ? number
    : Each extends { readonly value: string }
      ? string
      : true;
type ByName = {
  readonly [Each in AnyOption as Each['name']]?: ValueOf<Each> | undefined;
};

declare module '../invocation.ts' {
  // What a command may ask for is what the table has: another name does not type-check.
  interface Options extends ByName {}
}

function connection<Host extends string>(what: string, host: Host, localPort: number) {
  return [
    { name: 'host', short: 'h', value: 'HOST', default: host, describe: `Host of the Arcade ${what}` },
    {
      name: 'port',
      short: 'p',
      value: 'PORT',
      range: [1, 65_535],
      describe: `Port of the Arcade ${what} (default ${localPort} on localhost)`,
    },
    { name: 'tls', describe: 'Use TLS even on localhost' },
    { name: 'no-tls', not: 'tls', describe: 'Use plain HTTP' },
  ] as const;
}

/** The group that a command is in, or the one of this name. */
function groupOf(words: string): Group | undefined {
  return GROUPS.get(COMMANDS.has(words) ? words.split(' ').slice(0, -1).join(' ') : words);
}

/** The name of a command's events, its words joined by a dot; null when it records none. */
export function eventNameOf(words: string): CommandName | null {
  const recorded = COMMANDS.get(words)?.recorded ?? groupOf(words)?.recorded;
  return COMMANDS.has(words) && recorded !== false ? (words.replaceAll(' ', '.') as CommandName) : null;
}

/** Every option of a command or a group: its own, its group's and the global ones. */
export function optionsOf(words: string): readonly Option[] {
  const command = COMMANDS.get(words);
  const own = [...(command?.options ?? []), ...(groupOf(words)?.options ?? [])];
  const isOwn = ({ name }: Option): boolean => own.some((option) => option.name === name);
  return [
    ...own,
    ...GLOBAL_OPTIONS.filter(
      (option) => !isOwn(option) && (option.name !== 'json' || command?.json !== false),
    ),
  ];
}

/** The words of the commands and groups directly below `words`, without those that people do not type. */
export function subcommandsOf(words: string): string[] {
  const prefix = words === '' ? '' : `${words} `;
  const below = [...GROUPS.keys(), ...COMMANDS.keys()].filter(
    (key) => key.startsWith(prefix) && key !== words && COMMANDS.get(key)?.hidden !== true,
  );
  return below.map((key) => key.slice(prefix.length)).filter((key) => !key.includes(' '));
}

/** The command or group that `token` names below `words`, also by the other name of a group. */
export function wordsBelow(words: string, token: string): string | undefined {
  const key = words === '' ? token : `${words} ${token}`;
  if (key !== '' && (GROUPS.has(key) || COMMANDS.has(key))) return key;
  return [...GROUPS].find(([, { alias }]) => alias !== undefined && alias === key)?.[0];
}
