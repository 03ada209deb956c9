/** The commands that show and control what is recorded. None of them is recorded itself. */

import { type CommandSpec, type GroupSpec, JSON_OUT } from './spec.ts';
import { loader, USAGE_CONTROLS } from './usage-controls.ts';

const MANY = Number.POSITIVE_INFINITY;

export const USAGE_GROUP: GroupSpec = {
  options: [JSON_OUT],
  positionals: null,
  describe: ['See and control the usage events that this program records. Alone: usage status.'],
  examples: [
    'usage',
    'usage --json',
    'usage list --state pending',
    'usage preview -- secret list',
    'usage disable',
  ],
};

const VIEWS: Readonly<Record<string, CommandSpec>> = {
  'usage status': {
    usage: '',
    describe: ['Tell whether usage is recorded, what waits, what was sent, and why nothing is sent now.'],
    examples: ['usage', 'usage status', 'usage status --json'],
    options: [JSON_OUT],
    positionals: [0, 0],
    event: null,
    load: loader(() => import('../commands/usage/status.ts')),
  },
  'usage list': {
    usage: '',
    describe: [
      'List the records: those that wait, those set aside, and the latest that were sent.',
      'A terminal shows the last 50; a pipe and --json get all.',
    ],
    examples: [
      'usage list',
      'usage list --state quarantined',
      'usage list --command secret.set --since 2d',
      'usage list --limit 10000 --json',
    ],
    options: [
      { name: 'state', value: 'STATE', describe: 'Only pending, quarantined or delivered ones' },
      { name: 'command', value: 'NAME', describe: 'Only those of one command, such as secret.set' },
      { name: 'since', value: 'TIME', describe: 'Only later ones: 30m, 12h, 2d, 1w, or a date' },
      { name: 'limit', value: 'N', describe: 'At most the last N' },
      JSON_OUT,
    ],
    positionals: [0, 0],
    event: null,
    load: loader(() => import('../commands/usage/list.ts')),
  },
  'usage show': {
    usage: '<ID>',
    describe: [
      'Show one record, by its number or uuid: the exact event, as whom, and what came of each try.',
    ],
    examples: ['usage show 17', 'usage show 17 --json'],
    options: [JSON_OUT],
    positionals: [1, 1],
    event: null,
    load: loader(() => import('../commands/usage/show.ts')),
  },
  'usage identity': {
    usage: '',
    describe: ['List who this machine has sent events as, and what is known of each.'],
    examples: ['usage identity', 'usage identity --json'],
    options: [JSON_OUT],
    positionals: [0, 0],
    event: null,
    load: loader(() => import('../commands/usage/identity.ts')),
  },
  'usage preview': {
    usage: '<COMMAND>...',
    describe: [
      'Show the exact event that a command, given after --, would record if it succeeded and if it failed.',
      'Nothing is run, sent or written, and it works when recording is off.',
    ],
    examples: [
      'usage preview -- secret set API_KEY=value',
      'usage preview --error TIMED_OUT -- secret list',
      'usage preview --json -- login',
    ],
    options: [
      { name: 'error', value: 'CODE', describe: 'The error_code of the failure (default UNEXPECTED)' },
      JSON_OUT,
    ],
    positionals: [1, MANY],
    verbatim: true,
    event: null,
    load: loader(() => import('../commands/usage/preview.ts')),
  },
  'usage watch': {
    usage: '',
    describe: [
      'Watch the queue, the flusher and the last answers until Ctrl-C.',
      'A pipe gets one line of JSON for each change.',
    ],
    examples: ['usage watch', 'usage watch | jq .pending'],
    options: [{ name: 'json', describe: 'Print one line of JSON for each change, on a terminal too' }],
    positionals: [0, 0],
    event: null,
    load: loader(() => import('../commands/usage/watch.ts')),
  },
  'usage stats': {
    usage: '',
    describe: ['Draw events a day, the slowest commands, the length of the queue and the delay of delivery.'],
    examples: ['usage stats', 'usage stats --days 30', 'usage stats --json'],
    options: [{ name: 'days', value: 'N', describe: 'The last N days, up to 90 (default 14)' }, JSON_OUT],
    positionals: [0, 0],
    event: null,
    load: loader(() => import('../commands/usage/stats.ts')),
  },
  'usage report': {
    usage: '',
    describe: ['Write the pictures and every event into one HTML file that needs nothing else.'],
    examples: ['usage report --open', 'usage report --output usage.html --days 30'],
    options: [
      { name: 'output', short: 'o', value: 'FILE', describe: 'Where to (default arcade-usage.html here)' },
      { name: 'days', value: 'N', describe: 'The last N days, up to 90 (default 30)' },
      { name: 'open', describe: 'Open it in the browser' },
      JSON_OUT,
    ],
    positionals: [0, 0],
    event: null,
    load: loader(() => import('../commands/usage/report.ts')),
  },
  'usage export': {
    usage: '',
    describe: ['Write every record to standard output, exactly as it goes on the wire.'],
    examples: ['usage export > events.ndjson', 'usage export --format csv > events.csv'],
    options: [
      { name: 'format', value: 'FORMAT', describe: 'ndjson, a JSON object a line (default), or csv' },
      JSON_OUT,
    ],
    positionals: [0, 0],
    event: null,
    load: loader(() => import('../commands/usage/export.ts')),
  },
  'usage doctor': {
    usage: '',
    describe: ['Check everything that recording and sending need; exits 1 if anything is wrong.'],
    examples: ['usage doctor', 'usage doctor --network', 'usage doctor --json'],
    options: [
      { name: 'network', describe: 'Try the destination too, step by step, without sending an event' },
      JSON_OUT,
    ],
    positionals: [0, 0],
    event: null,
    load: loader(() => import('../commands/usage/doctor.ts')),
  },
};

export const USAGE_COMMANDS: Readonly<Record<string, CommandSpec>> = { ...VIEWS, ...USAGE_CONTROLS };
