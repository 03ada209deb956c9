/** Scenes that chance alone would hardly ever put together: a state, what others do to it, and who is then signed in. */
import { pick, type Random } from './random.ts';
import type { Login, Step } from './steps.ts';

const COMMAND: Step = { do: 'command', shell: 0, resolvable: true };

/** Some steps in a row that lead from one state of an identity to another. */
export function sceneOf(random: Random): Step[] {
  return [...past(random), ...state(random), ...news(random), ...credentials(random)];
}

/** Accounts that have been here before are known, and may have an identity that they can come back to. */
function past(random: Random): Step[] {
  return Array.from({ length: pick(random, [0, 0, 1, 2, 3]) }, () => knownLogin(random));
}

function state(random: Random): Step[] {
  switch (
    pick(random, ['as it is', 'nothing', 'unowned', 'unresolved', 'linked', 'by them', 'by them'] as const)
  ) {
    case 'as it is':
      return [];
    case 'nothing':
      return [{ do: 'lose usage.db' }];
    case 'unowned':
      return [{ do: 'remove' }, COMMAND];
    case 'unresolved':
      return [{ do: 'replace', as: loginOf(random) }, COMMAND];
    case 'linked':
      return [knownLogin(random)];
    case 'by them':
      return [
        { do: 'python starts afresh', as: loginOf(random) },
        random() < 0.5 ? { do: 'corrupt' } : { do: 'replace', as: loginOf(random) },
        COMMAND,
      ];
  }
}

function news(random: Random): Step[] {
  const theirs: readonly Step[][] = [
    [],
    [{ do: 'python command' }],
    [{ do: 'python login', as: loginOf(random) }],
    [{ do: 'python starts afresh', as: loginOf(random) }],
    [{ do: 'python starts afresh', as: null }],
  ];
  const death: Step = { ...knownLogin(random), kill: 'after usage.json' };
  return [...pick(random, theirs), ...(random() < 0.5 ? [death] : [])];
}

function credentials(random: Random): Step[] {
  switch (pick(random, ['none', 'unreadable', 'others', 'others', 'a login'] as const)) {
    case 'none':
      return [{ do: 'remove' }, COMMAND];
    case 'unreadable':
      return [{ do: 'corrupt' }, COMMAND];
    case 'others':
      return [{ do: 'replace', as: loginOf(random) }, COMMAND];
    case 'a login':
      return [knownLogin(random)];
  }
}

function knownLogin(random: Random): Extract<Step, { do: 'login' }> {
  return { do: 'login', as: loginOf(random), known: true, tracked: true };
}

/** Anybody's credentials. */
export function loginOf(random: Random): Login {
  return {
    who: pick(random, ['A', 'A', 'B', 'B', 'C'] as const),
    via: pick(random, ['oauth', 'oauth', 'key 1', 'key 2'] as const),
  };
}
