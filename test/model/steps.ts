/** What a history is made of. */

export type Who = 'A' | 'B' | 'C';

/** Credentials of an account: an OAuth login, or one of its two API keys. */
export interface Login {
  readonly who: Who;
  readonly via: 'oauth' | 'key 1' | 'key 2';
}

/**
 * The moment at which a process is killed: after so many statements, commits and requests, or when it has written
 * usage.json and not yet committed what that says ('after usage.json'), or committed something and not yet written
 * usage.json ('after its commit'). A real one: as `kill-at.mjs` takes it.
 */
export interface Mortal {
  readonly kill?: number | string;
}

/** The database cannot be had: the event is spilled. */
interface Spilling {
  readonly spills?: true;
}

/** What others do while a process is between two transactions, or waits for an answer. */
export interface Interrupted {
  readonly meanwhile?: readonly Step[];
}

export type Step =
  /** Shell 0 uses the credentials file; in the others a key stands in the environment. */
  | ({
      readonly do: 'command';
      readonly shell: 0 | 1 | 2;
      readonly resolvable: boolean;
      /** So many at once, of real ones. */
      readonly many?: number;
    } & Mortal &
      Interrupted &
      Spilling)
  | ({
      readonly do: 'login';
      readonly as: Login;
      readonly known: boolean;
      readonly tracked: boolean;
    } & Mortal &
      Interrupted &
      Spilling)
  | ({ readonly do: 'logout'; readonly tracked: boolean } & Mortal & Interrupted & Spilling)
  /** The credentials file by hand. */
  | { readonly do: 'replace'; readonly as: Login }
  | { readonly do: 'remove' | 'corrupt' }
  /** `arcade usage reset`. */
  | { readonly do: 'reset' }
  | { readonly do: 'python login'; readonly as: Login }
  | { readonly do: 'python command' | 'python logout' }
  /** It found usage.json unusable, and its next command linked whoever was signed in then, if anybody was. */
  | { readonly do: 'python starts afresh'; readonly as: Login | null }
  /** usage.json by somebody else. */
  | { readonly do: 'usage.json'; readonly becomes: 'garbage' | 'nothing' | 'an earlier one' | 'an account' }
  | { readonly do: 'posthog'; readonly is: 'up' | 'down' | 'refusing' | 'throttling' | 'losing answers' }
  | { readonly do: 'arcade'; readonly is: 'up' | 'down' | 'refusing' }
  | ({ readonly do: 'drain'; readonly shell: 0 | 1 | 2; readonly impatient: boolean } & Mortal & Interrupted)
  | { readonly do: 'clock'; readonly byMs: number }
  | { readonly do: 'lose usage.db' }
  /** The machine is an image that was cloned, or the folder a copy. */
  | { readonly do: 'copy the machine' };

export type StepOf<K extends Step['do']> = Extract<Step, { do: K }>;

export const command = (more: Partial<StepOf<'command'>> = {}): Step => ({
  do: 'command',
  shell: 0,
  resolvable: true,
  ...more,
});
export const login = (as: Login, more: Partial<StepOf<'login'>> = {}): StepOf<'login'> => ({
  do: 'login',
  as,
  known: true,
  tracked: true,
  ...more,
});
export const logout = (more: Partial<StepOf<'logout'>> = {}): Step => ({
  do: 'logout',
  tracked: true,
  ...more,
});
export const drain = (more: Partial<StepOf<'drain'>> = {}): StepOf<'drain'> => ({
  do: 'drain',
  shell: 0,
  impatient: true,
  ...more,
});
export const replace = (as: Login): Step => ({ do: 'replace', as });
export const remove: Step = { do: 'remove' };
export const corrupt: Step = { do: 'corrupt' };
export const pythonLogin = (as: Login): Step => ({ do: 'python login', as });
export const pythonStartsAfresh = (as: Login | null): Step => ({ do: 'python starts afresh', as });
export const pythonCommand: Step = { do: 'python command' };
export const pythonLogout: Step = { do: 'python logout' };

/** By OAuth, and by its two keys. */
const loginsOf = (who: Who): [Login, Login, Login] => [
  { who, via: 'oauth' },
  { who, via: 'key 1' },
  { who, via: 'key 2' },
];
export const [A, A1, A2] = loginsOf('A');
export const [B, B1, B2] = loginsOf('B');
export const [C, C1] = loginsOf('C');

/** Everything is well again, and every shell drains. */
export const FINALE: readonly Step[] = [
  { do: 'posthog', is: 'up' },
  { do: 'arcade', is: 'up' },
  command(),
  drain({ shell: 1 }),
  drain({ shell: 2 }),
  drain(),
  remove,
  drain(),
];
