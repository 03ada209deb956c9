/**
 * Histories that something once went wrong in: found by the model, shortened by it, and kept. Most were found by
 * breaking one rule of the state machine.
 */
import type { Step } from './steps.ts';

export const CORPUS: Readonly<Record<string, readonly Step[]>> = {
  'the person begins anew after the other program has linked another account': [
    { do: 'replace', as: { who: 'B', via: 'key 1' } },
    { do: 'command', shell: 0, resolvable: true },
    { do: 'python login', as: { who: 'A', via: 'key 1' } },
    { do: 'reset' },
  ],
  'the person begins anew after the other program has linked another account and logged out': [
    { do: 'replace', as: { who: 'B', via: 'key 1' } },
    { do: 'command', shell: 0, resolvable: true },
    { do: 'python login', as: { who: 'A', via: 'key 1' } },
    { do: 'python logout' },
    { do: 'reset' },
  ],
  'the other program was here first, and the credentials cannot be read': [
    { do: 'python starts afresh', as: { who: 'A', via: 'oauth' } },
    { do: 'corrupt' },
    { do: 'command', shell: 0, resolvable: true },
    { do: 'login', as: { who: 'C', via: 'key 1' }, known: false, tracked: true },
  ],
  'the other program links an account, and another one logs in here': [
    { do: 'command', shell: 0, resolvable: true },
    { do: 'python login', as: { who: 'C', via: 'key 1' } },
    { do: 'login', as: { who: 'A', via: 'key 1' }, known: true, tracked: true },
  ],
  'the other program links an account, and the credentials are exchanged by hand': [
    { do: 'command', shell: 0, resolvable: true },
    { do: 'python login', as: { who: 'B', via: 'key 1' } },
    { do: 'replace', as: { who: 'A', via: 'key 1' } },
  ],
  'somebody puts back a usage.json that a logout had ended': [
    { do: 'login', as: { who: 'B', via: 'key 2' }, known: true, tracked: true },
    { do: 'python logout' },
    { do: 'drain', shell: 0, impatient: false, meanwhile: [{ do: 'posthog', is: 'down' }] },
    { do: 'command', shell: 0, resolvable: false },
    { do: 'usage.json', becomes: 'an earlier one' },
    { do: 'login', as: { who: 'A', via: 'oauth' }, known: true, tracked: true },
  ],
  "a login while a flusher is about to bind another program's stretch": [
    { do: 'python starts afresh', as: { who: 'B', via: 'oauth' } },
    { do: 'command', shell: 0, resolvable: false },
    {
      do: 'drain',
      shell: 0,
      impatient: true,
      meanwhile: [{ do: 'login', as: { who: 'B', via: 'oauth' }, known: true, tracked: true }],
    },
  ],
  'a key from the environment beside a login by file': [
    { do: 'login', as: { who: 'B', via: 'key 2' }, known: true, tracked: true },
    { do: 'command', shell: 2, resolvable: true },
  ],
  'a usage.json linked to one account, and a login as another': [
    { do: 'python login', as: { who: 'C', via: 'key 2' } },
    { do: 'login', as: { who: 'A', via: 'oauth' }, known: true, tracked: true },
  ],
  'a usage.json linked to one account, and credentials of another by hand': [
    { do: 'python starts afresh', as: { who: 'C', via: 'oauth' } },
    { do: 'replace', as: { who: 'B', via: 'oauth' } },
  ],
  'credentials that break in the middle of a history': [
    { do: 'replace', as: { who: 'A', via: 'key 1' } },
    { do: 'command', shell: 0, resolvable: true },
    { do: 'drain', shell: 0, impatient: true },
    { do: 'corrupt' },
  ],
  'a login that a logout overtakes': [
    { do: 'command', shell: 0, resolvable: true },
    {
      do: 'login',
      as: { who: 'B', via: 'oauth' },
      known: true,
      tracked: true,
      meanwhile: [{ do: 'logout', tracked: true }],
    },
  ],
  "a usage.json whose anon_id is somebody's account": [
    { do: 'login', as: { who: 'B', via: 'oauth' }, known: true, tracked: true },
    { do: 'usage.json', becomes: 'an account' },
    { do: 'corrupt' },
  ],
  'the same login twice, first while Arcade is down, then removed by hand': [
    { do: 'login', as: { who: 'B', via: 'key 2' }, known: false, tracked: true },
    { do: 'login', as: { who: 'B', via: 'key 2' }, known: true, tracked: true },
    { do: 'remove' },
  ],
  'three accounts by hand, one of which was never seen in force again': [
    { do: 'replace', as: { who: 'B', via: 'oauth' } },
    { do: 'command', shell: 0, resolvable: true },
    { do: 'replace', as: { who: 'A', via: 'oauth' } },
    { do: 'replace', as: { who: 'C', via: 'oauth' } },
    { do: 'posthog', is: 'refusing' },
  ],
  'credentials that change between a look at them and a look at the records': [
    { do: 'replace', as: { who: 'A', via: 'oauth' } },
    {
      do: 'drain',
      shell: 2,
      impatient: false,
      meanwhile: [
        { do: 'command', shell: 0, resolvable: true },
        { do: 'python starts afresh', as: { who: 'A', via: 'key 1' } },
      ],
    },
  ],
  'a login while a flusher sends': [
    { do: 'login', as: { who: 'B', via: 'oauth' }, known: true, tracked: true },
    {
      do: 'drain',
      shell: 1,
      impatient: false,
      meanwhile: [
        { do: 'corrupt' },
        { do: 'login', as: { who: 'A', via: 'oauth' }, known: true, tracked: true },
      ],
    },
  ],
  'a login killed after usage.json was written, and a login as another account': [
    { do: 'command', shell: 0, resolvable: true },
    { do: 'login', as: { who: 'B', via: 'key 1' }, known: true, tracked: true, kill: 41 },
    { do: 'login', as: { who: 'C', via: 'oauth' }, known: true, tracked: true },
  ],
  'a switch of accounts in the middle of another command': [
    { do: 'login', as: { who: 'A', via: 'key 2' }, known: true, tracked: true },
    { do: 'usage.json', becomes: 'an earlier one' },
    {
      do: 'command',
      shell: 0,
      resolvable: true,
      meanwhile: [{ do: 'login', as: { who: 'B', via: 'key 2' }, known: true, tracked: true }],
    },
  ],
  'the other program links the account that is signed in here, too': [
    { do: 'login', as: { who: 'B', via: 'key 1' }, known: true, tracked: true },
    { do: 'python starts afresh', as: { who: 'B', via: 'oauth' } },
  ],
  'two accounts by turns': [
    { do: 'login', as: { who: 'A', via: 'key 2' }, known: true, tracked: true },
    { do: 'drain', shell: 0, impatient: true, meanwhile: [{ do: 'command', shell: 2, resolvable: true }] },
    { do: 'login', as: { who: 'B', via: 'key 2' }, known: true, tracked: true },
  ],
  "a logout with nobody's answer, on an anon_id that the other program has linked": [
    { do: 'python starts afresh', as: { who: 'C', via: 'oauth' } },
    { do: 'replace', as: { who: 'B', via: 'oauth' } },
    { do: 'logout', tracked: true },
  ],
  'a link of the other program that nobody has looked at when an event is given up': [
    { do: 'login', as: { who: 'A', via: 'key 2' }, known: true, tracked: true },
    { do: 'command', shell: 2, resolvable: true },
    { do: 'python command' },
    { do: 'drain', shell: 0, impatient: true },
  ],
  'the other program links from an old usage.json what is retired here': [
    { do: 'command', shell: 1, resolvable: true },
    {
      do: 'login',
      as: { who: 'C', via: 'oauth' },
      known: true,
      tracked: true,
      kill: 38,
      meanwhile: [{ do: 'command', shell: 0, resolvable: true }],
    },
    { do: 'usage.json', becomes: 'an earlier one' },
    { do: 'python login', as: { who: 'C', via: 'key 1' } },
  ],
  'a login as another account while the other program links the first one in the middle of a login': [
    { do: 'logout', tracked: true },
    {
      do: 'login',
      as: { who: 'B', via: 'key 2' },
      known: true,
      tracked: true,
      meanwhile: [
        { do: 'python command' },
        { do: 'login', as: { who: 'A', via: 'oauth' }, known: true, tracked: true },
      ],
    },
  ],
  'a login killed before it wrote usage.json, into which the other program then writes the very same': [
    { do: 'python starts afresh', as: null },
    { do: 'login', as: { who: 'B', via: 'oauth' }, known: true, tracked: true, kill: 44 },
    { do: 'python command' },
    { do: 'login', as: { who: 'C', via: 'oauth' }, known: true, tracked: true },
  ],
  'a command that drops what a flusher is just sending': [
    { do: 'login', as: { who: 'A', via: 'oauth' }, known: true, tracked: true },
    { do: 'drain', shell: 0, impatient: true },
    { do: 'command', shell: 0, resolvable: true },
    { do: 'posthog', is: 'throttling' },
    {
      do: 'drain',
      shell: 0,
      impatient: true,
      meanwhile: [
        { do: 'clock', byMs: 31536000000 },
        { do: 'command', shell: 0, resolvable: true },
      ],
    },
  ],
  'credentials of an account given up, the database lost, and another account logs in': [
    { do: 'replace', as: { who: 'A', via: 'oauth' } },
    { do: 'command', shell: 2, resolvable: true },
    { do: 'drain', shell: 0, impatient: true },
    { do: 'lose usage.db' },
  ],
  'the other program links and logs out unseen, and then an event is given up': [
    { do: 'arcade', is: 'down' },
    { do: 'login', as: { who: 'A', via: 'oauth' }, known: false, tracked: true },
    { do: 'arcade', is: 'up' },
    { do: 'python login', as: { who: 'B', via: 'oauth' } },
    { do: 'python logout' },
    { do: 'drain', shell: 0, impatient: true },
  ],
  'a link of the other program under a login that was killed when it had gone back to an earlier identity': [
    { do: 'login', as: { who: 'A', via: 'oauth' }, known: true, tracked: true },
    { do: 'remove' },
    { do: 'command', shell: 0, resolvable: true },
    { do: 'python login', as: { who: 'B', via: 'key 2' } },
    { do: 'login', as: { who: 'A', via: 'key 1' }, known: true, tracked: true, kill: 'after usage.json' },
    { do: 'command', shell: 0, resolvable: true },
    { do: 'replace', as: { who: 'C', via: 'oauth' } },
  ],
  'an anon_id under which events were given up, put back before another account logs in': [
    { do: 'command', shell: 0, resolvable: true },
    { do: 'login', as: { who: 'C', via: 'oauth' }, known: true, tracked: true },
    { do: 'arcade', is: 'refusing' },
    { do: 'replace', as: { who: 'A', via: 'oauth' } },
    { do: 'command', shell: 0, resolvable: true },
    { do: 'drain', shell: 0, impatient: true },
    { do: 'arcade', is: 'up' },
    { do: 'replace', as: { who: 'B', via: 'oauth' } },
    { do: 'command', shell: 0, resolvable: true },
    { do: 'usage.json', becomes: 'an earlier one' },
    { do: 'login', as: { who: 'B', via: 'oauth' }, known: true, tracked: true },
  ],
  'an alias that was lost with the database, and its account again after another one': [
    { do: 'login', as: { who: 'A', via: 'oauth' }, known: true, tracked: true },
    { do: 'lose usage.db' },
    { do: 'login', as: { who: 'A', via: 'oauth' }, known: true, tracked: true },
    { do: 'remove' },
    { do: 'command', shell: 0, resolvable: true },
    { do: 'login', as: { who: 'B', via: 'oauth' }, known: true, tracked: true },
    { do: 'login', as: { who: 'A', via: 'oauth' }, known: true, tracked: true },
  ],
  'a login killed before its export while a flusher sends, the database lost, and a login as another account':
    [
      { do: 'login', as: { who: 'A', via: 'oauth' }, known: true, tracked: true },
      { do: 'logout', tracked: true },
      { do: 'command', shell: 0, resolvable: true },
      {
        do: 'drain',
        shell: 0,
        impatient: true,
        meanwhile: [
          {
            do: 'login',
            as: { who: 'B', via: 'oauth' },
            known: true,
            tracked: true,
            kill: 'after its commit',
          },
        ],
      },
      { do: 'lose usage.db' },
      { do: 'login', as: { who: 'C', via: 'oauth' }, known: true, tracked: true },
    ],
  'a switch of accounts that is killed before its export in the middle of the export of another': [
    {
      do: 'login',
      as: { who: 'A', via: 'oauth' },
      known: true,
      tracked: true,
      meanwhile: [
        {
          do: 'login',
          as: { who: 'B', via: 'oauth' },
          known: true,
          tracked: true,
          kill: 'after its commit',
        },
      ],
    },
  ],
  'a logout killed when it has removed a usage.json in which the other program has linked': [
    { do: 'command', shell: 0, resolvable: true },
    { do: 'python login', as: { who: 'C', via: 'oauth' } },
    { do: 'logout', tracked: true, kill: 'after usage.json' },
    { do: 'login', as: { who: 'A', via: 'oauth' }, known: true, tracked: true },
  ],
  'a command killed before it could remove the file of what it has taken in': [
    { do: 'command', shell: 0, resolvable: true },
    { do: 'command', shell: 0, resolvable: true, spills: true },
    { do: 'command', shell: 0, resolvable: true, kill: 'after its commit' },
  ],
  'nothing is left of the past, and the credentials cannot be read': [
    { do: 'login', as: { who: 'A', via: 'key 2' }, known: true, tracked: true },
    { do: 'usage.json', becomes: 'garbage' },
    { do: 'lose usage.db' },
    { do: 'corrupt' },
    { do: 'command', shell: 0, resolvable: true },
    { do: 'login', as: { who: 'A', via: 'oauth' }, known: true, tracked: true },
  ],
};
