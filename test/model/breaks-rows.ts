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
    'return row?.principal_id ?? null;',
    'return null;',
  ]),
  of('identity/identities.ts', 'the identity of a logout is resumed', [
    "retire(spool, identity.id, 'logged out', now);",
    "retire(spool, identity.id, 'left', now);",
  ]),
  of('identity/identities.ts', 'a link that nobody has verified is resumed', ['AND verified = 1 ', '']),
  of('identity/identities.ts', 'what the other program has rotated away counts as never linked', [
    "kind === 'adopt' ? 'rotated' : 'left'",
    "'left'",
  ]),
  of('identity/identities.ts', 'nobody notes what the other program links from an old file', [
    'if (news?.literal !== undefined) noteLink(spool, news.literal, now);',
    '',
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
    'insertIdentity(spool, next, now);\n  requestExport(spool);',
    'insertIdentity(spool, next, now);',
  ]),
  of('identity/identities.ts', 'what the other program has written is never made ours', [
    'if (news !== null) requestExport(spool);',
    '',
  ]),
  of('identity/identity-rows.ts', "an anon_id that is somebody's account may be taken up", [
    'UNION ALL SELECT 1 FROM account WHERE principal_id = @id LIMIT 1',
    'LIMIT 1',
  ]),
  of('identity/identity-rows.ts', 'a retired anon_id may be taken up', [
    '(retired_at IS NOT NULL OR principal_id IS NOT NULL)',
    'principal_id IS NOT NULL',
  ]),
  // Appending
  of('append/append.ts', 'a login does not remember its account', [
    'rememberAccount(spool, fingerprint, change.principalId, now);',
    '',
  ]),
  of('append/append.ts', 'an event does not remember its credentials', [
    'fingerprint: fingerprint ?? null,',
    'fingerprint: null,',
  ]),
  of('append/append.ts', 'an event of nobody knows whom goes to the anon_id', [
    "case 'nobody':\n      return randomUUID();",
    "case 'nobody':\n      return identity.anonId;",
  ]),
  of('append/append.ts', 'anonymous events make persons', [
    "personless: binding === 'anonymous' || binding === 'nobody'",
    'personless: false',
  ]),
  of('append/append.ts', 'a logout is no logout', [
    "if (change?.kind === 'logout') logOut(",
    'if (false) logOut(',
  ]),
  // Resolution
  of('drain/resolve.ts', 'whoever is signed in now is asked about', [
    'return inForce !== undefined && inForce !== fingerprint;',
    'return false;',
  ]),
  of('drain/resolve.ts', 'credentials that cannot be read are gone', [
    'return inForce !== undefined && inForce !== fingerprint;',
    'return inForce !== fingerprint;',
  ]),
  of('drain/resolve.ts', "an answer takes another program's identity along", [
    'follow(spool, undefined, { now, newAnonId });\n      rememberAccount',
    'rememberAccount',
  ]),
  of('drain/resolve.ts', 'an answer links whatever identity is current', [
    'if (currentIdentity(spool)?.fingerprint === fingerprint) follow(',
    'if (true) follow(',
  ]),
  of('drain/resolve.ts', 'an answer links nothing', [
    'if (currentIdentity(spool)?.fingerprint === fingerprint) follow(',
    'if (false) follow(',
  ]),
  of('drain/resolve.ts', 'an answer is not remembered', [
    'rememberAccount(spool, fingerprint, principalId, now);\n      if',
    'if',
  ]),
  of('drain/resolve.ts', 'an answer binds all that is unbound', [
    'distinct_id IS NULL AND fingerprint = ?`,\n        )\n        .run(principalId, fingerprint);',
    'distinct_id IS NULL AND ? IS NOT NULL`,\n        )\n        .run(principalId, fingerprint);',
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
    'if (!isConsentGone(spool)) follow(spool, undefined, { now, newAnonId });',
    'void newAnonId;',
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
    'release(spool, group, resolving.now() - FLUSHER.unboundMs, resolving.now())',
    'release(spool, group, Number.MAX_SAFE_INTEGER, resolving.now())',
  ]),
  of('drain/resolve.ts', 'what only another shell sees is never given up', [
    'release(spool, group, resolving.now() - FLUSHER.unboundMs, resolving.now())',
    'undefined',
  ]),
  of('drain/resolve.ts', 'what only another shell sees is gone', [
    'return group.from_environment === 1 || environment !== null;',
    'return false;',
  ]),
  of('drain/resolve.ts', 'a refusal is no answer', ["whose.kind === 'refused'", 'false']),
  of('drain/resolve.ts', 'the coordinator is asked about what it must not be', [
    'group.fingerprint === null || group.resolvable === 0',
    'group.fingerprint === null',
  ]),
  of('drain/resolve.ts', 'the coordinator is never left alone', [
    'binding.ignoreBackoff || (await persist(() => mayResolve(spool, resolving.now())))',
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
  // usage.json and crashes
  of('identity/export-intent.ts', "a text that a crash has left counts as the other program's", [
    'if (intent === undefined) return { text: origin, undone: false };',
    'return { text: origin, undone: false };',
  ]),
  of('identity/export-intent.ts', 'a link that a crash has left does not count', [
    'if (isLink || seen.has(origin))',
    'if (seen.has(origin))',
  ]),
  of('identity/export-intent.ts', 'a spent link that a crash has left hides what it replaced', [
    ' && !isSpent(spool, shared.anonId)',
    '',
  ]),
  of('identity/export-intent.ts', 'what a crash has replaced is forgotten', [
    "origin = intent.replaces ?? '';",
    "origin = '';",
  ]),
  of('identity/shared-identity.ts', 'what is to be written is not noted', [
    'foresee(spool, error.intent);',
    '',
  ]),
  of('identity/shared-identity.ts', 'usage.json is written unforeseen', [
    'const TRIES = 3;',
    'const TRIES = 1;',
  ]),
  of('identity/shared-identity.ts', 'each try draws other anon_ids', [
    'drawn[next] ?? randomUUID()',
    'randomUUID()',
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
    'batch.find((record) => record.sealed === 0)',
    'batch[0]',
  ]),
  of('event/wire.ts', 'a resend has another uuid', [
    'uuid: record.uuid,',
    'uuid: record.uuid.slice(0, -4) + String(Math.random()).slice(2, 6),',
  ]),
  of('drain/drain.ts', 'captures go before the aliases', [
    '(await sendAliases(circuit, delivery)) ?? (await sendCaptures(circuit, delivery))',
    '(await sendCaptures(circuit, delivery)) ?? (await sendAliases(circuit, delivery))',
  ]),
  of(
    'spool/records.ts',
    'the alias goes in the direction that may be refused',
    ['distinctId: alias.principalId,', 'distinctId: alias.anonId,'],
    [
      'JSON.stringify({ distinct_id: alias.principalId, alias: alias.anonId })',
      'JSON.stringify({ distinct_id: alias.anonId, alias: alias.principalId })',
    ],
  ),
  of('spool/records.ts', 'the alias is personless', [
    'distinctId: alias.principalId,\n    personless: false,',
    'distinctId: alias.principalId,\n    personless: true,',
  ]),
];
