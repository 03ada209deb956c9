/** What lies around the rules, each broken in turn: rows, appends, resolution, usage.json, and the way to PostHog. */

export interface Break {
  /** In src/usage. */
  readonly file: string;
  readonly what: string;
  /** Each text is there exactly once. */
  readonly changes: readonly (readonly [from: string, to: string])[];
}

const of = (file: string, what: string, ...changes: Break['changes']): Break => ({ file, what, changes });

export const ROW_BREAKS: readonly Break[] = [
  // Rows
  of('identity/identities.ts', 'no account is ever known', [
    'return (spool.statement(sql).pluck().get(fingerprint) as string | undefined) ?? null;',
    'return null;',
  ]),
  of('identity/identities.ts', 'the identity of a logout is resumed', [
    "retire(spool, id, 'logged out', now);",
    "retire(spool, id, 'left', now);",
  ]),
  of('identity/identities.ts', 'a link that nobody has verified is resumed', ['AND verified = 1 ', '']),
  of('identity/identities.ts', 'what the other program has rotated away counts as never linked', [
    "kind === 'adopt' ? 'rotated' : 'left'",
    "'left'",
  ]),
  of('identity/identities.ts', 'nobody notes what the other program links from an old file', [
    'if (principalId !== null)\n    spool',
    'if (false)\n    spool',
  ]),
  of('identity/identities.ts', 'no anon_id counts as linked', [
    'return spool.statement(sql).get(anonId) !== undefined;',
    'return false && spool.statement(sql).get(anonId) !== undefined;',
  ]),
  of('identity/identities.ts', 'a change of the identity is not exported', [
    'requestExport(spool);\n  return id;',
    'return id;',
  ]),
  of('identity/identities.ts', 'a logout is not exported', [
    "insertIdentity(spool, next, 'drawn', now);\n  requestExport(spool);",
    "insertIdentity(spool, next, 'drawn', now);",
  ]),
  of('identity/identities.ts', 'what the other program has written is never made ours', [
    'requestExport(spool);\n  spool.statement(',
    'spool.statement(',
  ]),
  of('identity/identities.ts', "an anon_id that is somebody's account may be taken up", [
    'get(anonId) !== undefined || isAccount(spool, anonId)',
    'get(anonId) !== undefined',
  ]),
  of('identity/identities.ts', 'a retired anon_id may be taken up', [
    '(retired_at IS NOT NULL OR principal_id IS NOT NULL)',
    'principal_id IS NOT NULL',
  ]),
  // Appending
  of('append/append.ts', 'a login does not remember its account', [
    'if (principalId !== null && fingerprint != null) rememberAccount(spool, fingerprint, principalId, now);',
    '',
  ]),
  of('append/append.ts', 'an event does not remember its credentials', [
    'fingerprint: fingerprint ?? null,',
    'fingerprint: null,',
  ]),
  of('append/append.ts', 'an event of nobody knows whom goes to the anon_id', [
    'unowned: newId(),',
    'unowned: identity.anonId,',
  ]),
  of('append/append.ts', 'anonymous events make persons', [
    "personless: binding === 'anonymous' || binding === 'unowned'",
    'personless: false',
  ]),
  of('append/append.ts', 'a logout is no logout', [
    "if (change?.kind === 'logout' && !isBlank(identity))",
    'if (false)',
  ]),
  of('append/append.ts', 'a logout also ends what was nobody', [' && !isBlank(identity))', ')']),
  of('append/append.ts', 'a logout leaves its account in usage.json until its export', [
    'forgetPrincipal(spool.directory, startAfresh(spool, identity.id, now));',
    'startAfresh(spool, identity.id, now);',
  ]),
  // Resolution
  of('drain/resolve.ts', 'whoever is signed in now is asked about', [
    'const isGone = inForce !== undefined && fingerprint !== inForce;',
    'const isGone = false;',
  ]),
  of('drain/resolve.ts', 'credentials that cannot be read are gone', [
    'const isGone = inForce !== undefined && fingerprint !== inForce;',
    'const isGone = fingerprint !== inForce;',
  ]),
  of('drain/resolve.ts', "an answer takes another program's identity along", [
    'follow(spool, ANY_CREDENTIALS, now);\n    rememberAccount',
    'rememberAccount',
  ]),
  of('drain/resolve.ts', 'an answer links whatever identity is current', [
    'if (currentIdentity(spool)?.fingerprint === fingerprint)',
    'if (true)',
  ]),
  of('drain/resolve.ts', 'an answer links nothing', [
    'if (currentIdentity(spool)?.fingerprint === fingerprint)',
    'if (false)',
  ]),
  of('drain/resolve.ts', 'an answer is not remembered', [
    'rememberAccount(spool, fingerprint, principalId, now);\n    if',
    'if',
  ]),
  of('drain/resolve.ts', 'an answer binds all that is unbound', [
    'distinct_id IS NULL AND fingerprint = ?`,',
    'distinct_id IS NULL AND ? IS NOT NULL`,',
  ]),
  of('drain/resolve.ts', 'what is given up goes to an anon_id that has been linked', [
    'isLinked(spool, anon_id) ? randomUUID() : anon_id',
    'anon_id',
  ]),
  of('drain/resolve.ts', 'what is given up never goes to its anon_id', [
    'isLinked(spool, anon_id) ? randomUUID() : anon_id',
    'randomUUID()',
  ]),
  of('drain/resolve.ts', 'nobody looks at usage.json before events are given up', [
    'follow(spool, ANY_CREDENTIALS, now);\n    const identities',
    'const identities',
  ]),
  of('drain/resolve.ts', 'what was recorded meanwhile is given up, too', ['AND id <= @lastId ', '']),
  of('drain/resolve.ts', 'what may not be asked about is given up together with the rest', [
    '\n    AND resolvable = @resolvable',
    '\n   ',
  ]),
  of('drain/resolve.ts', 'without an answer all is given up at once', [
    ': now() - FLUSHER.unboundMs;',
    ': Number.MAX_SAFE_INTEGER;',
  ]),
  of('drain/resolve.ts', 'without an answer nothing is ever given up', [
    ': now() - FLUSHER.unboundMs;',
    ': 0;',
  ]),
  of('drain/resolve.ts', 'what only another shell sees is given up at once', [
    'if (resolvable === 1 && isElsewhere) return now - FLUSHER.unboundMs;',
    'if (resolvable === 1 && isElsewhere) return ALL;',
  ]),
  of('drain/resolve.ts', 'what only another shell sees is never given up', [
    'if (resolvable === 1 && isElsewhere) return now - FLUSHER.unboundMs;',
    'if (resolvable === 1 && isElsewhere) return 0;',
  ]),
  of('drain/resolve.ts', 'what only another shell sees is gone', [
    'if (resolvable === 1 && isElsewhere) return now - FLUSHER.unboundMs;',
    '',
  ]),
  of('drain/resolve.ts', 'a refusal is no answer', ["whose.kind === 'refused'", 'false']),
  of('drain/resolve.ts', 'the coordinator is asked about what it must not be', [
    'return resolvable === 0 || isGone ? ALL : null;',
    'return isGone ? ALL : null;',
  ]),
  of('drain/resolve.ts', 'the coordinator is never left alone', [
    'ignoreBackoff || (await persist(() => backoffInForce(spool, COORDINATOR, now()))) === null',
    'true',
  ]),
  of(
    'drain/resolve.ts',
    'the credentials are read before the records',
    [
      '  const groups = await persist(() => unboundGroups(spool));\n',
      '  const inForce = await resolving.credentials();\n  const groups = await persist(() => unboundGroups(spool));\n',
    ],
    [
      'recorded under the new ones.\n  const inForce = await resolving.credentials();',
      'recorded under the new ones.',
    ],
  ),
  // usage.json
  of('identity/export.ts', 'what another program has written is written over unread', [
    'if (stampOf(path) !== export_stamp) {',
    'if (false) {',
  ]),
  of('identity/export.ts', 'a later state is overwritten by an earlier one', [
    'if (textOf(spool) !== text) return false;',
    '',
  ]),
  of('drain/drain.ts', 'an alias is sent before usage.json tells of its link', [
    "if (kind === 'alias') await persist(() => exportIdentity(spool, now()));",
    '',
  ]),
  // Spilled events
  of('identity/take-in.ts', 'what is spilled twice counts twice', [
    'event, uuid, resolvable, fromEnvironment } = capture;',
    'event, resolvable, fromEnvironment } = capture, uuid = undefined;',
  ]),
  of('identity/take-in.ts', 'what is not certain goes to the anon_id that holds', [
    'current !== null && isBlank(current)',
    'current !== null',
  ]),
  of('identity/take-in.ts', 'unknown credentials are those of the identity that holds', [
    'return { identityId: unowned(spool, now), distinctId, personless: false };',
    'return { identityId: currentIdentity(spool)?.id ?? unowned(spool, now), distinctId, personless: false };',
  ]),
  of('identity/take-in.ts', 'an account is taken for an anon_id', [' && !isAccount(spool, anonId);', ';']),
  of('append/append.ts', 'the anon_id of an account is spilled', [
    'account === null && shared?.principalId === null',
    'account === null && shared !== undefined',
  ]),
  of('append/append.ts', 'a spilled logout leaves its account in usage.json', [
    "if (change?.kind === 'logout') forgetPrincipal(directory, randomUUID());",
    '',
  ]),
  // The way to PostHog
  of('drain/claim.ts', 'no alias fence', [
    "a.state = 'pending' AND a.kind = 'alias'",
    "a.state = 'pending' AND a.kind = 'none'",
  ]),
  of('event/wire.ts', 'a resend is made anew', [
    'at: record.recorded_at,',
    'at: record.recorded_at + Math.random() * 1000,',
  ]),
  of('drain/claim.ts', 'a resend tells anew what was dropped', [
    "kind === 'capture' && sealed === 0",
    "kind === 'capture'",
  ]),
  of('event/wire.ts', 'a resend has another uuid', [
    'uuid: record.uuid,',
    'uuid: record.uuid.slice(0, -4) + String(Math.random()).slice(2, 6),',
  ]),
  of('drain/drain.ts', 'captures go before the aliases', [
    "(await sendAliases(() => next('alias'), delivery)) ??\n    (await sendCaptures(() => next('capture'), delivery))",
    "(await sendCaptures(() => next('capture'), delivery)) ??\n    (await sendAliases(() => next('alias'), delivery))",
  ]),
  of(
    'spool/records.ts',
    'the alias goes in the direction that may be refused',
    ['distinctId: principalId, identityId', 'distinctId: anonId, identityId'],
    [
      'JSON.stringify({ distinct_id: principalId, alias: anonId })',
      'JSON.stringify({ distinct_id: anonId, alias: principalId })',
    ],
  ),
  of('spool/records.ts', 'the alias is personless', [
    'distinctId: principalId, identityId',
    'distinctId: principalId, personless: true, identityId',
  ]),
];
