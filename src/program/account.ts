/** The commands that say or change who is signed in, and where. */
import type { OptionSpec } from './parse.ts';
import { type CommandSpec, type GroupSpec, JSON_OUT } from './spec.ts';

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

export const ACCOUNT_GROUPS: Readonly<Record<string, GroupSpec>> = {
  org: { options: COORDINATOR, positionals: null, describe: ['See and switch your organizations.'] },
  project: {
    options: COORDINATOR,
    positionals: null,
    describe: ['See and switch the projects of the active organization.'],
  },
};

export const ACCOUNT_COMMANDS: Readonly<Record<string, CommandSpec>> = {
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
    describe: [
      'Make an organization the active one, with its default project.',
      'ORG_ID is an id as `arcade org list` shows it.',
    ],
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
    describe: [
      'Make a project of the active organization the active one.',
      'PROJECT_ID is an id as `arcade project list` shows it.',
    ],
    examples: ['project set 5f0c8a52-6f3e-4b0c-9a55-0d7c1a2b3c4d'],
    options: [JSON_OUT, ...COORDINATOR],
    positionals: [1, 1],
    event: 'project.set',
    load: async () => (await import('../commands/project/set.ts')).run,
  },
};
