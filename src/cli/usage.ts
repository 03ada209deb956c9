/** The commands that show and control what is recorded. None of them is recorded itself. */
import type { Run } from '../commands/command.ts';
import { UserError } from '../errors.ts';
import { type CommandSpec, type GroupSpec, JSON_OUT } from './spec.ts';

const MANY = Number.POSITIVE_INFINITY;
const YES = { name: 'yes', short: 'y', describe: 'Do not ask' } as const;
const ALL = { name: 'all', describe: 'Every record that this can be done to' } as const;

export const USAGE_GROUP: GroupSpec = {
  options: [JSON_OUT],
  positionals: null,
  describe: ['See and control the usage events that this program records. Alone: usage status.'],
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
    options: [JSON_OUT],
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

const CONTROLS: Readonly<Record<string, CommandSpec>> = {
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
    load: loader(() => import('../commands/usage/flush.ts')),
  },
  'usage requeue': {
    usage: '[ID]',
    describe: ['Let a quarantined record, or --all of them, be sent once more.'],
    examples: ['usage requeue 17', 'usage requeue --all'],
    options: [ALL, JSON_OUT],
    positionals: [0, 1],
    event: null,
    load: loader(() => import('../commands/usage/requeue.ts')),
  },
  'usage discard': {
    usage: '[ID]',
    describe: [
      'Drop a record that is pending or quarantined, or --all of them, for good.',
      'They are counted as dropped, reason discarded.',
    ],
    examples: ['usage discard 17', 'usage discard --all --yes'],
    options: [ALL, YES, JSON_OUT],
    positionals: [0, 1],
    event: null,
    load: loader(() => import('../commands/usage/discard.ts')),
  },
  'usage reset': {
    usage: '',
    describe: ['Become a new anonymous identity; asks first.'],
    examples: ['usage reset', 'usage reset --yes'],
    options: [YES, JSON_OUT],
    positionals: [0, 0],
    event: null,
    load: loader(() => import('../commands/usage/reset.ts')),
  },
  'usage enable': {
    usage: '',
    describe: ['Record usage again. Nothing from before comes back.'],
    examples: ['usage enable'],
    options: [JSON_OUT],
    positionals: [0, 0],
    event: null,
    load: loader(() => import('../commands/usage/enable.ts')),
  },
  'usage disable': {
    usage: '',
    describe: ['Stop recording, and erase every event that is kept here.'],
    examples: ['usage disable'],
    options: [JSON_OUT],
    positionals: [0, 0],
    event: null,
    load: loader(() => import('../commands/usage/disable.ts')),
  },
};

export const USAGE_COMMANDS: Readonly<Record<string, CommandSpec>> = { ...VIEWS, ...CONTROLS };

/** Without better-sqlite3 commands work and record nothing; here it is missed. */
function loader(load: () => Promise<{ run: Run }>): () => Promise<Run> {
  return async () => {
    try {
      return (await load()).run;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause;
      throw new UserError('UNEXPECTED', 'The package better-sqlite3 is missing: usage is not recorded.', {
        hint: 'Install this program again.',
        cause,
      });
    }
  };
}
