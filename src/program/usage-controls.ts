/** The commands that change what is recorded, kept and sent. */

import { UserError } from '../errors.ts';
import type { Run } from '../invocation.ts';
import { type CommandSpec, JSON_OUT } from './spec.ts';

const YES = { name: 'yes', short: 'y', describe: 'Do not ask' } as const;
const ALL = { name: 'all', describe: 'Every record that this can be done to' } as const;

export const USAGE_CONTROLS: Readonly<Record<string, CommandSpec>> = {
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

/** Without better-sqlite3 commands work and record nothing; here it is missed. */
export function loader(load: () => Promise<{ run: Run }>): () => Promise<Run> {
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
