/** Every scene: a past, a state of the identity, what others do to it, and who is then signed in. */
import {
  A,
  A1,
  B,
  B1,
  command,
  corrupt,
  login,
  logout,
  pythonLogin,
  pythonStartsAfresh,
  remove,
  replace,
  type Step,
} from './steps.ts';

type Parts = Readonly<Record<string, readonly Step[]>>;

const STATES: Parts = {
  nothing: [],
  blank: [command()],
  unresolved: [replace(A1), command()],
  'linked by them': [pythonStartsAfresh(A), corrupt, command()],
  'linked by them, unresolved': [pythonStartsAfresh(A), replace(A), command()],
  linked: [login(A)],
};
const NEWS: Parts = {
  '': [],
  'they link A': [pythonLogin(A1)],
  'they link B': [pythonLogin(B)],
  'they begin another': [pythonStartsAfresh(null)],
  'they begin another, linked to A': [pythonStartsAfresh(A)],
  'the machine is copied': [{ do: 'copy the machine' }],
};
const ENDS: Parts = {
  'the same credentials': [command()],
  'no credentials': [remove, command()],
  'unreadable credentials': [corrupt, command()],
  'a login as A': [login(A1)],
  'a login as B': [login(B1)],
  "B's key in the environment": [command({ shell: 1 })],
};

/** With a past of B's, credentials of B's: known ones, and ones that have an identity to come back to. */
const PASTS: readonly (readonly [what: string, steps: readonly Step[], ends: Parts])[] = [
  ['', [], ENDS],
  ['B has logged out', [login(B1), logout()], { "B's key in the environment": [command({ shell: 1 })] }],
  ['B was here', [login(B1), remove, command()], { 'a login as B': [login(B1)] }],
];

/** All scenes, by what makes them up. */
export const SCENES: readonly (readonly [what: string, steps: readonly Step[]])[] = PASTS.flatMap(
  ([past, before, ends]) =>
    Object.entries(STATES).flatMap(([state, then]) =>
      Object.entries(NEWS).flatMap(([news, meanwhile]) =>
        Object.entries(ends).map(([end, last]) => {
          const what = [past, state, news, end].filter((part) => part !== '').join('; ');
          return [what, [...before, ...then, ...meanwhile, ...last]] as const;
        }),
      ),
    ),
);
