/** The values to be set: from arguments, the terminal, standard input or an environment file. */

import { UserError, usageError } from '../../errors.ts';
import type { Invocation } from '../../invocation.ts';
import { type Assignment, checkKey, invalidAssignment, parseAssignment } from '../../secrets/assignment.ts';
import { describeWarning, parseDotenv } from '../../secrets/dotenv.ts';
import { readEnvFile } from '../../secrets/env-file.ts';
import { visible } from '../../terminal/output.ts';
import { readAll } from '../../terminal/prompt.ts';

/** In the order in which the keys first came; of a key given twice the last value. */
export type Values = ReadonlyMap<string, string>;

/**
 * Checks all that is given, and resolves to what reads the values that are still to be asked for. Rejects with
 * UserError for anything that cannot be set.
 */
export async function valuesOf(invocation: Invocation): Promise<() => Promise<Values>> {
  if (invocation.options['from-env'] !== true) return fromArguments(invocation);
  const values = await fromFile(invocation);
  return async () => values;
}

interface Given extends Assignment {
  readonly position: number;
  /** Its value comes from standard input. */
  readonly piped: boolean;
}

function fromArguments(invocation: Invocation): () => Promise<Values> {
  const { positionals, options, output } = invocation;
  if (positionals.length === 0) {
    throw usageError('Either provide KEY=VALUE pairs or use --from-env to load from .env file.');
  }
  if (options['env-file'] !== undefined) {
    output.note('Warning: --env-file is only read with --from-env.');
  }
  const given = positionals.map((argument, i): Given => {
    const assignment = parseAssignment(argument, i + 1);
    const piped = assignment.value === '-' || (options.stdin === true && assignment.value === null);
    return { ...assignment, position: i + 1, piped };
  });
  const piped = given.filter((assignment) => assignment.piped);
  if (options.stdin === true && (given.length !== 1 || piped.length !== 1)) {
    throw usageError('--stdin takes exactly one KEY, without a value.');
  }
  if (piped.length > 1) throw usageError('Only one value can be read from standard input.');
  const asked = given.find((assignment) => assignment.value === null && !assignment.piped);
  // What is piped in leaves no terminal to ask on.
  if (asked !== undefined && (piped.length > 0 || invocation.input.isTTY !== true)) {
    throw invalidAssignment(asked.position);
  }
  return async () => {
    const values = new Map<string, string>();
    for (const assignment of given) values.set(assignment.key, await read(assignment, invocation));
    return values;
  };
}

async function read({ key, value, position, piped }: Given, invocation: Invocation): Promise<string> {
  if (!piped && value !== null) return value;
  const answer = piped
    ? await readAll(invocation.input)
    : await invocation.askHidden(`Value of secret '${visible(key)}' (not shown): `);
  if (answer !== null && answer.trim() !== '') return answer;
  const message = piped ? 'Standard input holds no value.' : `No value was given for argument ${position}.`;
  throw usageError(message, undefined, 'VALUE_REQUIRED');
}

async function fromFile({ options, positionals, output }: Invocation): Promise<Values> {
  if (positionals.length > 0)
    throw usageError('Cannot use both KEY=VALUE pairs and --from-env at the same time.');
  if (options.stdin === true) throw usageError('Cannot use both --stdin and --from-env at the same time.');
  const path = typeof options['env-file'] === 'string' ? options['env-file'] : '.env';
  const { entries, warnings } = parseDotenv(await readEnvFile(path));
  for (const warning of warnings) output.note(`Warning: ${describeWarning(warning)}`);
  for (const [i, key] of [...entries.keys()].entries()) checkKey(key, i + 1);
  if (entries.size === 0) {
    throw new UserError('ENV_FILE_EMPTY', `No secrets were found in ${visible(path)}.`, {
      hint: 'Write one KEY=VALUE a line.',
    });
  }
  return entries;
}
