/** The tree of commands: names, options, help and where each is implemented. Nothing is loaded before it runs. */
import sade from 'sade';
import type { Run } from '../invocation.ts';
import type { CommandName } from '../usage/event/event.ts';
import { ACCOUNT_COMMANDS, ACCOUNT_GROUPS } from './account.ts';
import type { OptionSpec, Shape, Shapes } from './parse.ts';
import { type CommandSpec, type GroupSpec, JSON_OUT } from './spec.ts';
import { USAGE_COMMANDS, USAGE_GROUP } from './usage.ts';

const MANY = Number.POSITIVE_INFINITY;

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

const GROUPS: Readonly<Record<string, GroupSpec>> = {
  '': { options: [], positionals: null, describe: ['Manage the secrets of your Arcade tools.'] },
  secret: { options: CONNECTION, positionals: null, describe: ['Manage the secrets of your tools.'] },
  ...ACCOUNT_GROUPS,
  usage: USAGE_GROUP,
};

const COMMANDS: Readonly<Record<string, CommandSpec>> = {
  ...ACCOUNT_COMMANDS,
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
  ...USAGE_COMMANDS,
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
    for (const example of group.examples ?? []) program.example(example);
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
    // sade takes a second word among the flags for another flag: the value's name goes with the text.
    const flags = short === undefined ? `--${name}` : `-${short}, --${name}`;
    program.option(flags, value === undefined ? describe : `<${value}>  ${describe}`);
  }
}
