// Prints docs/telemetry.md, from the program's own lists; a test compares the two.
import { RECORDED_MESSAGES } from '../src/errors.ts';
import { SPOOL } from '../src/settings.ts';
import { PROPERTIES } from './event-properties.ts';

const days = (ms: number): number => ms / 86_400_000;
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');

/** The document, as it stands in docs/telemetry.md. */
export function telemetryDocument(): string {
  const properties = Object.entries(PROPERTIES).map(([name, { what, why, example }]) => [
    `\`${name}\``,
    what,
    why,
    `\`${example}\``,
  ]);
  const errors = Object.entries(RECORDED_MESSAGES).map(([code, message]) => [`\`${code}\``, message]);
  return `# What this program records about its use

Generated from the source by \`npm run docs\`; do not edit it by hand.

## When

Once for each \`secret\`, \`login\`, \`logout\`, \`whoami\`, \`org\` and \`project\` command: \`CLI execution succeeded\` or
\`CLI execution failed\`. Not for \`usage\` commands, \`--help\`, \`--version\` or a command that does not exist. Before the
first event is sent, a notice on stderr says so.

## What

A command records these properties and no others. In the source, a value of any other kind does not type-check.

${table(['property', 'what', 'why', 'for example'], properties)}

An event also has its own id, its time, and the id it is sent under: a random id of this machine until you log in, then
your account's. posthog-node adds \`$lib\`, \`$lib_version\`, \`$is_server\` and \`$geoip_disable\`; \`$ignore_sent_at\` tells
PostHog to keep the event's own time, and an anonymous event has \`$process_person_profile: false\`. When events had to be
dropped, the next event carries their number as \`spool_dropped\`. Linking the random id to your account records one more
event, \`$create_alias\`: it says that the two are the same person.

Nothing you type is ever included: no secrets, keys, values, file names, hosts, URLs or e-mail addresses. From servers,
only the ids of your account, organization and project are included. An account id that is an e-mail address, a host or
a URL, as a self-hosted Arcade may have, is sent as a hash that only this machine can make. Text in
\`credentials.yaml\` that does not look like an id is left out.

## Where it goes, and how long it is kept

To PostHog, at \`ARCADE_POSTHOG_HOST\`. Until then it is pending in the \`.arcade\` folder, in files that only you can read
(on Windows, as their folder is protected): at most 10,000 events, ${SPOOL.bytesPerRecord.toLocaleString('en')} bytes each on average, for ${days(SPOOL.maxAgeMs)} days.
The last ${SPOOL.receipts} delivered events are kept for ${days(SPOOL.receiptAgeMs)} days, so that you can see what was sent:
\`arcade usage list\` and \`arcade usage show ID\`.

## How to stop it

\`ARCADE_USAGE_TRACKING=0\`, \`DO_NOT_TRACK=1\` or \`arcade usage disable\`; any one is enough. With a variable set, a command
records nothing, starts nothing and creates no file for it. \`arcade usage disable\` also erases all stored events.

## The messages

${table(['error_code', 'error_message'], errors)}
`;
}

if (process.argv[1] === import.meta.filename) process.stdout.write(telemetryDocument());
