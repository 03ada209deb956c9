/**
 * The shortest histories that are known for edges of the state machine that few random ones take, each named by its
 * edge (`edges.ts`).
 */
import type { Step } from './steps.ts';

export const EDGE_CORPUS: Readonly<Record<string, readonly Step[]>> = {
  'linked by them > adopt with alias to linked by them > resume to linked > event principal': [
    { do: 'login', as: { who: 'A', via: 'key 2' }, known: true, tracked: true },
    { do: 'login', as: { who: 'B', via: 'oauth' }, known: true, tracked: true },
    { do: 'python starts afresh', as: { who: 'C', via: 'oauth' } },
    { do: 'corrupt' },
    { do: 'command', shell: 0, resolvable: true },
    { do: 'python starts afresh', as: { who: 'A', via: 'oauth' } },
    { do: 'login', as: { who: 'C', via: 'oauth' }, known: true, tracked: true, kill: 'after usage.json' },
    { do: 'replace', as: { who: 'A', via: 'key 2' } },
  ],
  'linked by them, unresolved > adopt with alias to linked by them > begin with alias to linked > event principal':
    [
      { do: 'python starts afresh', as: { who: 'B', via: 'key 1' } },
      { do: 'replace', as: { who: 'C', via: 'key 2' } },
      { do: 'command', shell: 0, resolvable: true },
      { do: 'login', as: { who: 'C', via: 'key 1' }, known: true, tracked: true, kill: 'after usage.json' },
      { do: 'login', as: { who: 'B', via: 'key 1' }, known: true, tracked: true },
    ],
  'linked by them, unresolved > resume to linked > event principal': [
    { do: 'login', as: { who: 'A', via: 'key 1' }, known: true, tracked: true },
    { do: 'login', as: { who: 'C', via: 'key 2' }, known: true, tracked: true },
    { do: 'python starts afresh', as: { who: 'B', via: 'key 2' } },
    { do: 'replace', as: { who: 'B', via: 'key 2' } },
    { do: 'command', shell: 0, resolvable: true },
    { do: 'login', as: { who: 'A', via: 'key 1' }, known: true, tracked: true },
  ],
  'linked by them, unresolved > adopt with alias to linked by them > resume to linked > event principal': [
    { do: 'login', as: { who: 'C', via: 'key 2' }, known: true, tracked: true },
    { do: 'login', as: { who: 'A', via: 'oauth' }, known: true, tracked: true },
    { do: 'python login', as: { who: 'B', via: 'key 2' } },
    { do: 'command', shell: 0, resolvable: true },
    { do: 'login', as: { who: 'A', via: 'key 1' }, known: true, tracked: true, kill: 'after usage.json' },
    { do: 'command', shell: 2, resolvable: true },
  ],
  'linked by them, unresolved > adopt to linked by them > resume to linked > event principal': [
    { do: 'login', as: { who: 'B', via: 'key 2' }, known: true, tracked: true },
    { do: 'remove' },
    { do: 'command', shell: 0, resolvable: true },
    { do: 'python starts afresh', as: { who: 'A', via: 'oauth' } },
    { do: 'replace', as: { who: 'C', via: 'key 1' } },
    { do: 'command', shell: 0, resolvable: true },
    { do: 'python starts afresh', as: { who: 'C', via: 'oauth' } },
    { do: 'login', as: { who: 'B', via: 'key 2' }, known: true, tracked: true },
  ],
  'unresolved > change to linked by them, unresolved > change to linked > event principal': [
    { do: 'replace', as: { who: 'C', via: 'key 1' } },
    { do: 'command', shell: 0, resolvable: true },
    { do: 'python command' },
    { do: 'login', as: { who: 'C', via: 'key 1' }, known: true, tracked: true },
  ],
  'linked by them > adopt with alias to linked by them > event nobody': [
    { do: 'python starts afresh', as: { who: 'B', via: 'oauth' } },
    { do: 'corrupt' },
    { do: 'command', shell: 0, resolvable: true },
    { do: 'login', as: { who: 'C', via: 'oauth' }, known: true, tracked: true, kill: 'after usage.json' },
    { do: 'corrupt' },
  ],
  'blank > change with alias to linked by them > resume to linked > event principal': [
    { do: 'login', as: { who: 'A', via: 'oauth' }, known: true, tracked: true },
    { do: 'remove' },
    { do: 'command', shell: 0, resolvable: true },
    { do: 'login', as: { who: 'B', via: 'oauth' }, known: true, tracked: true, kill: 'after usage.json' },
    { do: 'replace', as: { who: 'A', via: 'oauth' } },
  ],
  'unresolved > change with alias to linked by them, unresolved > change to linked > event principal': [
    {
      do: 'login',
      as: { who: 'A', via: 'oauth' },
      known: true,
      tracked: true,
      meanwhile: [
        { do: 'command', shell: 0, resolvable: true },
        { do: 'python login', as: { who: 'A', via: 'oauth' } },
      ],
    },
  ],
  'unresolved > adopt to linked by them > resume to linked > event principal': [
    { do: 'login', as: { who: 'A', via: 'key 1' }, known: true, tracked: true },
    { do: 'replace', as: { who: 'A', via: 'key 2' } },
    { do: 'command', shell: 0, resolvable: true },
    { do: 'python starts afresh', as: { who: 'B', via: 'oauth' } },
    { do: 'replace', as: { who: 'A', via: 'key 1' } },
  ],
  'blank > change to linked by them > event nobody': [
    { do: 'logout', tracked: true },
    { do: 'python login', as: { who: 'A', via: 'oauth' } },
    { do: 'corrupt' },
  ],
  'linked by them, unresolved > adopt with alias to linked by them > change to linked > event principal': [
    { do: 'python starts afresh', as: { who: 'A', via: 'key 2' } },
    { do: 'replace', as: { who: 'C', via: 'key 2' } },
    { do: 'command', shell: 0, resolvable: true },
    { do: 'login', as: { who: 'B', via: 'key 2' }, known: true, tracked: true, kill: 'after usage.json' },
    { do: 'login', as: { who: 'B', via: 'oauth' }, known: true, tracked: true },
  ],
  'nothing > adopt with alias to linked by them > change to linked > event principal': [
    { do: 'login', as: { who: 'B', via: 'oauth' }, known: true, tracked: true, kill: 'after usage.json' },
    { do: 'login', as: { who: 'B', via: 'key 1' }, known: true, tracked: true },
  ],
  'unresolved > change with alias to linked by them, unresolved > event unbound': [
    { do: 'replace', as: { who: 'C', via: 'oauth' } },
    { do: 'command', shell: 0, resolvable: true },
    { do: 'drain', shell: 0, impatient: false, kill: 'after usage.json' },
  ],
  'unresolved > change with alias to linked by them, unresolved > begin to blank > event anonymous': [
    { do: 'replace', as: { who: 'B', via: 'key 1' } },
    { do: 'command', shell: 0, resolvable: true },
    { do: 'login', as: { who: 'B', via: 'key 1' }, known: true, tracked: true, kill: 'after usage.json' },
    { do: 'remove' },
  ],
  'unresolved > change with alias to linked by them, unresolved > resume to linked > event principal': [
    { do: 'login', as: { who: 'A', via: 'key 2' }, known: true, tracked: true },
    { do: 'login', as: { who: 'B', via: 'oauth' }, known: false, tracked: true },
    { do: 'drain', shell: 0, impatient: true, kill: 'after usage.json' },
    { do: 'login', as: { who: 'A', via: 'key 2' }, known: true, tracked: true },
  ],
  'blank > adopt with alias to linked by them > resume to linked > event principal': [
    { do: 'login', as: { who: 'B', via: 'key 2' }, known: true, tracked: true },
    { do: 'remove' },
    { do: 'command', shell: 0, resolvable: true },
    { do: 'python starts afresh', as: null },
    { do: 'login', as: { who: 'C', via: 'oauth' }, known: true, tracked: true, kill: 'after usage.json' },
    { do: 'login', as: { who: 'B', via: 'key 2' }, known: true, tracked: true },
  ],
  'unresolved > adopt with alias to linked by them > change to linked > event principal': [
    { do: 'replace', as: { who: 'B', via: 'key 1' } },
    { do: 'command', shell: 0, resolvable: true },
    { do: 'login', as: { who: 'B', via: 'oauth' }, known: true, tracked: true, kill: 'after usage.json' },
    { do: 'login', as: { who: 'B', via: 'key 1' }, known: true, tracked: true },
  ],
  'linked > adopt with alias to linked by them > event nobody': [
    { do: 'command', shell: 0, resolvable: true },
    {
      do: 'drain',
      shell: 0,
      impatient: true,
      meanwhile: [{ do: 'login', as: { who: 'C', via: 'key 1' }, known: true, tracked: true }],
    },
    { do: 'login', as: { who: 'B', via: 'key 2' }, known: true, tracked: true, kill: 'after usage.json' },
    { do: 'corrupt' },
  ],
  'unresolved > adopt with alias to linked by them > resume to linked > event principal': [
    { do: 'login', as: { who: 'C', via: 'oauth' }, known: true, tracked: true },
    { do: 'replace', as: { who: 'A', via: 'key 1' } },
    { do: 'command', shell: 0, resolvable: true },
    { do: 'login', as: { who: 'B', via: 'oauth' }, known: true, tracked: true, kill: 'after usage.json' },
    { do: 'replace', as: { who: 'C', via: 'oauth' } },
  ],
  'blank > adopt with alias to linked by them > event nobody': [
    { do: 'command', shell: 0, resolvable: true },
    { do: 'python starts afresh', as: { who: 'A', via: 'oauth' } },
    { do: 'login', as: { who: 'B', via: 'oauth' }, known: true, tracked: true, kill: 'after usage.json' },
    { do: 'corrupt' },
  ],
  'linked by them > adopt to linked by them > resume to linked > event principal': [
    { do: 'login', as: { who: 'B', via: 'oauth' }, known: true, tracked: true },
    { do: 'login', as: { who: 'C', via: 'key 1' }, known: true, tracked: true },
    { do: 'python starts afresh', as: { who: 'B', via: 'key 1' } },
    { do: 'corrupt' },
    { do: 'command', shell: 0, resolvable: true },
    {
      do: 'login',
      as: { who: 'B', via: 'oauth' },
      known: true,
      tracked: true,
      meanwhile: [{ do: 'python starts afresh', as: { who: 'A', via: 'oauth' } }],
    },
  ],
  'linked by them > adopt to linked by them > begin to blank > event anonymous': [
    { do: 'python starts afresh', as: { who: 'B', via: 'oauth' } },
    { do: 'corrupt' },
    { do: 'command', shell: 0, resolvable: true },
    { do: 'python starts afresh', as: { who: 'B', via: 'key 2' } },
    { do: 'remove' },
  ],
  'linked > adopt with alias to linked by them > resume to linked > event principal': [
    { do: 'login', as: { who: 'B', via: 'oauth' }, known: true, tracked: true },
    { do: 'login', as: { who: 'A', via: 'key 2' }, known: true, tracked: true },
    { do: 'login', as: { who: 'C', via: 'oauth' }, known: true, tracked: true, kill: 'after usage.json' },
    { do: 'login', as: { who: 'B', via: 'oauth' }, known: true, tracked: true },
  ],
};
