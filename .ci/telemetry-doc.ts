// Prints docs/telemetry.md, from the program's own lists; a test compares the two.
import { RECORDED_MESSAGES } from '../src/errors.ts';
import { SPOOL } from '../src/settings.ts';
import { PROPERTIES } from '../src/usage/event/catalogue.ts';

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

Made from the source by \`npm run docs\`; do not edit it by hand.

## When

Once for each \`secret\`, \`login\`, \`logout\`, \`whoami\`, \`org\` and \`project\` command: \`CLI execution succeeded\` or \`CLI
execution failed\`. Not for \`usage\` commands, \`--help\`, \`--version\` or a command that does not exist. Before the first event is
ever recorded, a notice on stderr says so.

## What

These properties and no others. A value that is not of these kinds does not type-check in the source.

${table(['property', 'what', 'why', 'for example'], properties)}

An event also has an id of its own, its time, and the id that it is sent under: a random one of this machine until you log in,
then your account's. posthog-node adds \`$lib\`, \`$lib_version\`, \`$is_server\` and \`$geoip_disable\`; \`$ignore_sent_at\` tells PostHog to take the
event's own time as it is, and an anonymous event has \`$process_person_profile: false\`. When events had to be dropped, the next one says how many, as \`spool_dropped\`. Logging in
records one more thing, \`$create_alias\`: that the random id and the account are the same person.

What you type, secrets, their keys and values, file names, hosts, URLs and e-mail addresses are never part of it. Of what a server
says only the ids of your account, your organization and your project are, as Arcade's server gave them; what does not look like an
id stays out, whoever wrote it into \`credentials.yaml\`.

## Where it goes, and for how long it stays here

To PostHog, at \`ARCADE_POSTHOG_HOST\`. Until it is delivered it waits in \`usage.db\` in the \`.arcade\` folder, which only you can
read: at most 10,000 events, ${SPOOL.bytesPerRecord} bytes each on average, ${days(SPOOL.maxAgeMs)} days. The last ${SPOOL.receipts} delivered ones are kept for
${days(SPOOL.receiptAgeMs)} days, so that you can see what was sent. \`arcade usage list\` and \`arcade usage show ID\` show all of it.

## How to stop it

\`ARCADE_USAGE_TRACKING=0\`, \`DO_NOT_TRACK=1\` or \`arcade usage disable\`; any one of them is enough. With a variable set, a command
records nothing, starts nothing and makes no file for it. \`arcade usage disable\` also deletes what waits.

## The messages

${table(['error_code', 'error_message'], errors)}
`;
}

if (process.argv[1] === import.meta.filename) process.stdout.write(telemetryDocument());
