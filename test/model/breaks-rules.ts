/** The rules of `identity.ts`, each broken in turn. */
import type { Break } from './breaks-rows.ts';

const rule = (what: string, ...changes: Break['changes']): Break => ({
  file: 'identity/rules.ts',
  what,
  changes,
});

export const RULE_BREAKS: readonly Break[] = [
  // What usage.json says
  rule('a first run ignores usage.json', [
    'if (shared === null) return null;',
    'if (shared === null || current === null) return null;',
  ]),
  rule('an imported link counts as verified', [
    'const identity = { anonId, principalId, verified: false,',
    'const identity = { anonId, principalId, verified: true,',
  ]),
  rule("the other program's link counts as verified", [
    '{ ...current, principalId, verified: false }',
    '{ ...current, principalId, verified: true }',
  ]),
  rule("the other program's link is aliased a second time", [
    'principalId, verified: false }, alias: false };',
    'principalId, verified: false }, alias: true };',
  ]),
  rule("another program's stretch is aliased a second time", [
    "kind: 'adopt', identity, alias: false }",
    "kind: 'adopt', identity, alias: principalId !== null }",
  ]),
  // Copies of a machine, and machines that live for one job
  rule('what was drawn in another copy of the machine is aliased', [
    'if (seen.copied) return',
    'if (false) return',
  ]),
  rule('a copied anon_id counts as copied after the other program has begun another', [
    '{ ...observed, copied: false, unused: false }',
    '{ ...observed, unused: false }',
  ]),
  rule('an anon_id without events is aliased for credentials of the environment', [
    '!(seen.fromEnvironment && seen.unused)',
    'true',
  ]),
  rule('credentials of the environment never alias', [
    '!(seen.fromEnvironment && seen.unused)',
    '!seen.fromEnvironment',
  ]),
  rule('an anon_id without events is never aliased', [
    '!(seen.fromEnvironment && seen.unused)',
    '!seen.unused',
  ]),
  rule('an anon_id that has had its time is taken up again', ['if (spent) return null;', '']),
  rule("the other program's rotation is not followed", ['if (spent) return null;', 'return null;']),
  rule("the other program's link is not followed", [
    'if (current.principalId !== null || principalId === null) return null;',
    'return null;',
  ]),
  rule('the other program may contradict us', [
    'if (current.principalId !== null || principalId === null) return null;',
    'if (principalId === null || principalId === current.principalId) return null;',
  ]),
  rule('usage.json comes before the fingerprint', [
    "current !== null && news?.kind === 'change' ? partWith(current, seen, newAnonId) : null",
    'null',
  ]),
  // No credentials
  rule('credentials that are gone change nothing', [
    'return isBlank(identity) ? null : begin(blank(newAnonId));',
    'return null;',
  ]),
  rule('every command without credentials begins anew', [
    'return isBlank(identity) ? null : begin(',
    'return begin(',
  ]),
  rule('unreadable credentials count as none', [
    'if (fingerprint === undefined) return null;\n  if (fingerprint === null) return',
    'if (fingerprint == null) return',
  ]),
  rule('an identity that has seen credentials counts as nobody', [
    'return identity.principalId === null && identity.fingerprint === null;',
    'return identity.principalId === null;',
  ]),
  rule('an identity that the other program has linked counts as nobody', [
    'return identity.principalId === null && identity.fingerprint === null;',
    'return identity.fingerprint === null;',
  ]),
  // Credentials that nobody knows
  rule('other credentials that nobody knows go on with the identity', [
    'return sameCredentials\n      ? change(identity, { fingerprint }, false)\n',
    'return true\n      ? change(identity, { fingerprint }, false)\n',
  ]),
  rule('the first credentials begin anew', [
    'identity.fingerprint === null || identity.fingerprint === fingerprint;',
    'identity.fingerprint === fingerprint;',
  ]),
  rule('all credentials count as the same', [
    'identity.fingerprint === null || identity.fingerprint === fingerprint;',
    'true;',
  ]),
  rule('unknown credentials are not noted', ['? change(identity, { fingerprint }, false)', '? null']),
  rule('after unknown credentials the next identity does not know them', [
    'begin({ ...blank(newAnonId), fingerprint })',
    'begin({ ...blank(newAnonId) })',
  ]),
  // Credentials whose account is known
  rule('known credentials take over what unknown ones have recorded', [
    'if (identity.principalId === null && sameCredentials)',
    'if (identity.principalId === null)',
  ]),
  rule("a login takes over another account's link", [
    'if (identity.principalId === null && sameCredentials)',
    'if (sameCredentials)',
  ]),
  rule("the same account's other credentials begin anew", [
    'if (identity.principalId === principalId) return change(identity, linked, false);',
    '',
  ]),
  rule('what is verified is aliased a second time', [
    'return change(identity, linked, false);',
    'return change(identity, linked, !(seen.fromEnvironment && seen.unused));',
  ]),
  rule('a link has no alias', [
    'return change(identity, linked, !(seen.fromEnvironment && seen.unused));',
    'return change(identity, linked, false);',
  ]),
  rule('a switch of accounts has no alias', [
    'begin({ anonId: newAnonId(), ...linked }, !seen.fromEnvironment)',
    'begin({ anonId: newAnonId(), ...linked }, false)',
  ]),
  rule('a switch of accounts keeps the anon_id', [
    'begin({ anonId: newAnonId(), ...linked }, !seen.fromEnvironment)',
    'begin({ anonId: identity.anonId, ...linked }, !seen.fromEnvironment)',
  ]),
  rule('what is resumed is aliased a second time', [
    'identity: { anonId: earlierAnonId, ...linked }, alias: false }',
    'identity: { anonId: earlierAnonId, ...linked }, alias: true }',
  ]),
  rule('a link of ours is never verified', [
    'const linked = { principalId, verified: true, fingerprint };',
    'const linked = { principalId, verified: false, fingerprint };',
  ]),
  rule('a link forgets the credentials', [
    'const linked = { principalId, verified: true, fingerprint };',
    'const linked = { principalId, verified: true, fingerprint: identity.fingerprint };',
  ]),
  rule('that an account is verified is not noted', ['changed.verified === identity.verified &&', '']),
  rule('that credentials have changed is not noted', [
    ' &&\n    changed.fingerprint === identity.fingerprint;',
    ';',
  ]),
  rule('that an account is known is not noted', [
    'changed.principalId === identity.principalId &&\n    changed.verified === identity.verified &&\n',
    '',
  ]),
  // Binding
  rule('an event of unreadable credentials is like any other', [
    "if (seen.fingerprint === undefined) return 'unowned';",
    '',
  ]),
  rule("an event of unreadable credentials is nobody's also where nobody was ever signed in", [
    "if (isBlank(identity)) return 'anonymous';\n  if (seen.fingerprint === undefined) return 'unowned';",
    "if (seen.fingerprint === undefined) return 'unowned';\n  if (isBlank(identity)) return 'anonymous';",
  ]),
  rule("an event goes to an account that only the other program's file names", [
    'identity.principalId !== null && identity.verified ?',
    'identity.principalId !== null ?',
  ]),
  rule("an anonymous event waits for somebody's account", ["if (isBlank(identity)) return 'anonymous';", '']),
];
