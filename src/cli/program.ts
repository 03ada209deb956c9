/** The tree of commands: names, options, help and where each is implemented. Nothing is loaded before it runs. */
import sade from 'sade';
import type { Run } from '../commands/command.ts';
import type { CommandName } from '../usage/event.ts';
import type { OptionSpec, Shape, Shapes } from './arguments.ts';

interface CommandSpec extends Shape {
  readonly positionals: readonly [number, number];
  /** The positional arguments as help shows them. */
  readonly usage: string;
  /** The first line is the summary. */
  readonly describe: readonly string[];
  readonly examples: readonly string[];
  /** What its events are called; null: it records none. */
  readonly event: CommandName | null;
  readonly load: () => Promise<Run>;
}

interface GroupSpec extends Shape {
  readonly positionals: null;
  readonly describe: readonly string[];
}

const MANY = Number.POSITIVE_INFINITY;

const JSON_OUT: OptionSpec = { name: 'json', describe: 'Print the result as one JSON document' };
const CONNECTION: readonly OptionSpec[] = [
  { name: 'host', short: 'h', value: 'HOST', describe: 'Host of the Arcade engine (default api.arcade.dev)' },
  {
    name: 'port',
    short: 'p',
    value: 'PORT',
    describe: 'Port of the Arcade engine (default on this machine 9099)',
  },
  { name: 'tls', describe: 'Use TLS also where plain HTTP is the default' },
  { name: 'no-tls', describe: 'Use plain HTTP' },
];

const COORDINATOR: readonly OptionSpec[] = [
  {
    name: 'host',
    short: 'h',
    value: 'HOST',
    describe: 'Host of the Arcade coordinator (default cloud.arcade.dev)',
  },
  {
    name: 'port',
    short: 'p',
    value: 'PORT',
    describe: 'Port of the Arcade coordinator (default on this machine 8000)',
  },
  { name: 'tls', describe: 'Use TLS also where plain HTTP is the default' },
  { name: 'no-tls', describe: 'Use plain HTTP' },
];

const GROUPS: Readonly<Record<string, GroupSpec>> = {
  '': { options: [], positionals: null, describe: ['Manage the secrets of your Arcade tools.'] },
  secret: { options: CONNECTION, positionals: null, describe: ['Manage the secrets of your tools.'] },
  org: { options: COORDINATOR, positionals: null, describe: ['See and switch your organizations.'] },
  project: {
    options: COORDINATOR,
    positionals: null,
    describe: ['See and switch the projects of the active organization.'],
  },
  usage: {
    options: [JSON_OUT],
    positionals: null,
    describe: ['See and control the usage events that this program records.'],
  },
};

const COMMANDS: Readonly<Record<string, CommandSpec>> = {
  login: {
    usage: '',
    describe: [
      'Log in to Arcade with your browser, or with an API key.',
      'Without a browser: --no-browser prints the address to open elsewhere; --api-key reads a key.',
    ],
    examples: ['login', 'login --host arcade.example.com', 'login --api-key < key.txt'],
    options: [
      { name: 'api-key', describe: 'Read an API key from standard input, or ask for it without showing it' },
      { name: 'no-browser', describe: 'Print the address instead of opening a browser' },
      { name: 'timeout', value: 'SECONDS', describe: 'Wait so long for the browser (default 600)' },
      { name: 'force', describe: 'Log in anew when somebody is logged in' },
      { name: 'debug', short: 'd', describe: 'Tell what happens, on stderr' },
      ...COORDINATOR,
    ],
    positionals: [0, 0],
    event: 'login',
    load: async () => (await import('../commands/login.ts')).run,
  },
  logout: {
    usage: '',
    describe: ['Log out: delete the stored credentials and have the server forget the login.'],
    examples: ['logout'],
    options: [],
    positionals: [0, 0],
    event: 'logout',
    load: async () => (await import('../commands/logout.ts')).run,
  },
  whoami: {
    usage: '',
    describe: ['Show who is logged in, and the active organization and project.'],
    examples: ['whoami', 'whoami --json'],
    options: [JSON_OUT],
    positionals: [0, 0],
    event: 'whoami',
    load: async () => (await import('../commands/whoami.ts')).run,
  },
  'org list': {
    usage: '',
    describe: ['List your organizations.'],
    examples: ['org list', 'org list --json'],
    options: [JSON_OUT, ...COORDINATOR],
    positionals: [0, 0],
    event: 'org.list',
    load: async () => (await import('../commands/org/list.ts')).run,
  },
  'org set': {
    usage: '<ORG_ID>',
    describe: ['Make an organization the active one, with its default project.'],
    examples: ['org set 5f0c8a52-6f3e-4b0c-9a55-0d7c1a2b3c4d'],
    options: [JSON_OUT, ...COORDINATOR],
    positionals: [1, 1],
    event: 'org.set',
    load: async () => (await import('../commands/org/set.ts')).run,
  },
  'project list': {
    usage: '',
    describe: ['List the projects of the active organization.'],
    examples: ['project list', 'project list --json'],
    options: [JSON_OUT, ...COORDINATOR],
    positionals: [0, 0],
    event: 'project.list',
    load: async () => (await import('../commands/project/list.ts')).run,
  },
  'project set': {
    usage: '<PROJECT_ID>',
    describe: ['Make a project of the active organization the active one.'],
    examples: ['project set 5f0c8a52-6f3e-4b0c-9a55-0d7c1a2b3c4d'],
    options: [JSON_OUT, ...COORDINATOR],
    positionals: [1, 1],
    event: 'project.set',
    load: async () => (await import('../commands/project/set.ts')).run,
  },
  'secret set': {
    usage: '[KEY=VALUE]...',
    describe: [
      'Set one or more secrets.',
      'KEY alone asks for the value without showing it; KEY=- reads it from standard input.',
    ],
    examples: [
      'secret set API_KEY',
      'secret set API_KEY=value OTHER=value',
      'secret set TLS_CERT --stdin < cert.pem',
      'secret set --from-env --env-file prod.env',
    ],
    options: [
      { name: 'from-env', describe: 'Set every secret of an environment file' },
      { name: 'env-file', short: 'f', value: 'PATH', describe: 'The file for --from-env (default .env)' },
      { name: 'stdin', describe: 'Read the value of the one KEY from standard input' },
      JSON_OUT,
      ...CONNECTION,
    ],
    positionals: [0, MANY],
    event: 'secret.set',
    load: async () => (await import('../commands/secret/set.ts')).run,
  },
  'secret list': {
    usage: '',
    describe: ['List the secrets; their values are never shown.'],
    examples: ['secret list', 'secret list --json'],
    options: [JSON_OUT, ...CONNECTION],
    positionals: [0, 0],
    event: 'secret.list',
    load: async () => (await import('../commands/secret/list.ts')).run,
  },
  'secret unset': {
    usage: '<KEY>...',
    describe: ['Delete one or more secrets.'],
    examples: ['secret unset API_KEY OTHER'],
    options: [JSON_OUT, ...CONNECTION],
    positionals: [1, MANY],
    event: 'secret.unset',
    load: async () => (await import('../commands/secret/unset.ts')).run,
  },
  'usage status': {
    usage: '',
    describe: ['Tell whether usage is recorded, what waits, what was sent, and why nothing is sent now.'],
    examples: ['usage status', 'usage status --json'],
    options: [JSON_OUT],
    positionals: [0, 0],
    event: null,
    load: async () => (await import('../commands/usage/status.ts')).run,
  },
  'usage list': {
    usage: '',
    describe: ['List the records: those that wait, those set aside, and the latest that were sent.'],
    examples: ['usage list', 'usage list --state pending --json'],
    options: [
      { name: 'state', value: 'STATE', describe: 'Only pending, quarantined or delivered ones' },
      { name: 'limit', value: 'N', describe: 'At most the last N' },
      JSON_OUT,
    ],
    positionals: [0, 0],
    event: null,
    load: async () => (await import('../commands/usage/list.ts')).run,
  },
  'usage show': {
    usage: '<ID>',
    describe: ['Show one record: exactly what is sent, as whom, and what came of each try.'],
    examples: ['usage show 17', 'usage show 17 --json'],
    options: [JSON_OUT],
    positionals: [1, 1],
    event: null,
    load: async () => (await import('../commands/usage/show.ts')).run,
  },
  'usage flush': {
    usage: '',
    describe: ['Send what waits now, in the foreground, whatever back-off is in force.'],
    examples: ['usage flush', 'usage flush --timeout 30'],
    options: [
      { name: 'timeout', value: 'SECONDS', describe: 'Give up after this time (default 10)' },
      JSON_OUT,
    ],
    positionals: [0, 0],
    event: null,
    load: async () => (await import('../commands/usage/flush.ts')).run,
  },
};

/** What a group does when it is given no subcommand, instead of showing its help. */
const DEFAULTS: Readonly<Record<string, string>> = { usage: 'usage status' };

/** The shapes of all commands and groups, for taking a command line apart. */
export const SHAPES: Shapes = new Map<string, Shape>([
  ...Object.entries(GROUPS).map(([words, group]) => [words, { ...group, runs: words in DEFAULTS }] as const),
  ...Object.entries(COMMANDS),
]);

/** The name of a command's events; null when it records none. */
export function eventNameOf(words: string): CommandName | null {
  return commandOf(words)?.event ?? null;
}

/** Finds a command's implementation and loads it. `argv` is the normalized command line. */
export async function loadCommand(argv: readonly string[]): Promise<Run> {
  const program = buildProgram();
  const parsed = program.parse(['node', 'arcade', ...argv], { lazy: true });
  if (parsed === undefined) throw new Error('the command line was not normalized');
  return (await parsed.handler()) as Run;
}

/** Prints the help of a command or a group to stdout. */
export function printHelp(words: string): void {
  buildProgram().help(words);
}

function commandOf(words: string): CommandSpec | undefined {
  return COMMANDS[DEFAULTS[words] ?? words];
}

function buildProgram(): sade.Sade {
  const program = sade('arcade');
  for (const [words, group] of Object.entries(GROUPS)) {
    if (words !== '') program.command(words);
    program.describe(groupHelp(words, group)).action(commandOf(words)?.load ?? noCommand);
    addOptions(program, group);
  }
  for (const [words, command] of Object.entries(COMMANDS)) {
    program.command(`${words} ${command.usage}`.trim());
    program.describe([...command.describe]).action(command.load);
    addOptions(program, command);
    for (const example of command.examples) program.example(example);
  }
  return program;
}

/** sade lists the commands of the root alone; a group's are part of its description. */
function groupHelp(words: string, group: GroupSpec): string[] {
  if (words === '') return [...group.describe];
  const own = Object.entries(COMMANDS).filter(([command]) => command.startsWith(`${words} `));
  const wide = Math.max(...own.map(([command]) => command.length));
  return [
    ...group.describe,
    '',
    ...own.map(([command, { describe }]) => `${command.padEnd(wide)}  ${describe[0]}`),
  ];
}

function noCommand(): never {
  throw new Error('a group is not run');
}

function addOptions(program: sade.Sade, { options }: Shape): void {
  for (const { name, short, value, describe } of options) {
    program.option(
      `${short === undefined ? '' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`,
      describe,
    );
  }
}
