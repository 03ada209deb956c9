/** What a file of secrets holds: `.env` lines, or one JSON object as `wrangler secret bulk` takes it. */
import { UserError } from '../errors.ts';
import { decodeText } from '../infra/text.ts';
import { parseDotenv } from './dotenv.ts';
import { parseJson } from './json.ts';
import { RESERVED } from './names.ts';
import { describeWarnings } from './warnings.ts';

export interface Contents {
  /** In the order of the file. */
  readonly entries: Map<string, string>;
  /** Names of Arcade's own credentials, which were left out. */
  readonly reserved: readonly string[];
  /** In words, one line each, without anything that the file says. */
  readonly warnings: readonly string[];
}

/** Reads the bytes of a file. Throws `ENV_FILE_MALFORMED`; no error ever repeats what the file says. */
export function parseContents(bytes: Uint8Array): Contents {
  const text = decodeText(bytes);
  if (text === undefined) {
    throw malformed('is UTF-16 without a byte-order mark', 'Save the file as UTF-8.');
  }
  if (/^\s*-{4,5} ?BEGIN /.test(text)) {
    throw malformed(
      'is a key or certificate, not a list of secrets',
      'Set it as one secret: arcade secret set KEY --stdin < FILE',
    );
  }
  const isJson = /^\s*\{/.test(text);
  const { entries, warnings } = isJson ? parseJson(text) : parseDotenv(text);
  const reserved = RESERVED.filter((name) => entries.delete(name));
  return { entries, reserved, warnings: describeWarnings(warnings, isJson ? 'Entry' : 'Line') };
}

function malformed(what: string, hint: string): UserError {
  return new UserError('ENV_FILE_MALFORMED', `The environment file ${what}.`, { hint });
}
