/**
 * `arcade __complete SHELL`: what a shell offers at Tab, one candidate a line, with its description behind a blank. The
 * words come by standard input, not as arguments, because one of them may hold a secret.
 */
import { listOrganizations, listProjects } from '../auth/coordinator.ts';
import { readBytes } from '../infra/text.ts';
import type { Candidate, Completion, Invocation, Run } from '../invocation.ts';
import { listSecrets } from '../secrets/api.ts';
import { LIMITS } from '../settings.ts';
import { joined, say, visible } from '../terminal/visible.ts';
import { eachRecord } from '../usage/inspect/records.ts';
import { readSnapshot } from '../usage/inspect/snapshot.ts';
import { connectEngine } from './secret/engine.ts';
import { requireContext, requireLogin } from './signed-in.ts';

/** From the start of the process; the rest of 200 ms is for its end. */
const ANSWER_BY_MS = 170;
/** A line longer than this is not completed. */
const LINE_BYTES = 64 * 1024;

/**
 * What a shell leaves as it is, and arcade does not take for an option. bash puts a candidate on the line unquoted, and
 * who names a secret may be another member of the project.
 */
const PLAIN = /^[\p{L}\p{N}_.][\p{L}\p{M}\p{N}_.:@/+%,-]*$/u;

/** Prints the candidates. Whatever fails, or takes too long, offers nothing. */
export const run: Run = async (invocation) => {
  const { output, positionals } = invocation;
  const line = (await readBytes(invocation.input, LINE_BYTES))?.toString('utf8') ?? '';
  const typed = line.replace(/\n$/, '').split('\n');
  const [whole, before] = positionals[0] === 'bash' ? asWords(typed) : [typed, ''];
  const completion = invocation.complete(whole);
  const candidates = [...completion.candidates, ...(await atHand(invocation, completion, whole))];
  const partial = whole.at(-1) ?? '';
  const offered = candidates.filter(([value]) => value.startsWith(partial) && !value.includes(' '));
  const lines = offered.map(([value, what]) => say`${visible(value.slice(before.length))} ${visible(what)}`);
  if (completion.values === 'files') lines.push(say`:files`);
  if (lines.length > 0) output.line(joined(lines, say`\n`));
  return undefined;
};

/** bash takes `--state=pen` for three words. Returns the words as they were typed, and what is before the last of them. */
function asWords(typed: readonly string[]): [words: string[], before: string] {
  const words: string[] = [];
  let before = '';
  for (const word of typed) {
    const last = words.at(-1) ?? '';
    if (word === '=' && last.startsWith('--')) words[words.length - 1] = before = `${last}=`;
    else if (before !== '' && last === before) words[words.length - 1] = last + word;
    else {
      words.push(word);
      before = '';
    }
  }
  return [words, before];
}

async function atHand(
  invocation: Invocation,
  { values, prefix }: Completion,
  typed: readonly string[],
): Promise<readonly Candidate[]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<readonly Candidate[]>((resolve) => {
    timer = setTimeout(() => resolve([]), Math.max(0, ANSWER_BY_MS - invocation.elapsedMs()));
  });
  try {
    const { connection } = invocation.readLine(typed);
    const found = await Promise.race([late, candidatesOf({ ...invocation, connection }, values)]);
    return found.filter(([value]) => PLAIN.test(value)).map(([value, what]) => [prefix + value, what]);
  } catch {
    return []; // Not logged in, offline, no spool: there is nothing at hand, and a shell shows no errors at Tab.
  } finally {
    clearTimeout(timer);
  }
}

async function candidatesOf(
  invocation: Invocation,
  values: Completion['values'],
): Promise<readonly Candidate[]> {
  if (values === 'records') return await records(invocation);
  if (values !== 'secret keys' && values !== 'organizations' && values !== 'projects') return [];
  const credentials = await invocation.credentials();
  // A refresh that is cut short could lose the login.
  if (credentials.kind === 'oauth' && (credentials.expiresAt ?? 0) < Date.now() + LIMITS.freshMs) return [];
  if (values === 'secret keys') {
    const secrets = await listSecrets(await connectEngine(invocation));
    return secrets.map(({ key, description }) => [key, description ?? '']);
  }
  const { bearer, coordinator, credentials: login } = await requireLogin(invocation);
  const choices =
    values === 'organizations'
      ? await listOrganizations(coordinator, bearer)
      : await listProjects(coordinator, bearer, requireContext(login).orgId);
  return choices.map(({ id, name }) => [id, name]);
}

/** The latest records, the last one first. */
async function records({ settings }: Invocation): Promise<readonly Candidate[]> {
  const filter = { state: null, command: null, since: 0, limit: 50 };
  const { value = [] } = await readSnapshot(settings, (spool) => [...eachRecord(spool, filter)]);
  return value
    .reverse()
    .map(({ id, state, command_name, kind }) => [String(id), `${command_name ?? kind}, ${state}`]);
}
