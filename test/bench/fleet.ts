/**
 * A fleet on paper: a million machines that lost the network together come back together. Each runs the real
 * rules (the steps and the jitter of `backoff.ts`, one flusher at a time, asked for by commands, hastened by a command
 * whose own call got through); time alone is simulated. What the server sees is
 * compared with the same machines without jitter.
 */
import { FLUSHER } from '../../src/settings.ts';
import { backoffMs, hasteningFrom } from '../../src/usage/spool/backoff.ts';

const MACHINES = Number(process.env.FLEET_MACHINES ?? 1_000_000);
const SECOND = 1_000;
const HOUR = 3600 * SECOND;
const OUTAGES: readonly (readonly [string, number])[] = [
  ['an hour', HOUR],
  ['a day', 24 * HOUR],
  ['a week', 7 * 24 * HOUR],
];
const WATCHED_MS = 2 * HOUR;

interface Fleet {
  /** Machines that run commands all the time (CI), on average so far apart; all others at a person's pace. */
  readonly every: { readonly busyMs: number; readonly otherMs: number };
  readonly busyShare: number;
  /** Every machine runs a command at the same second of every minute, as cron does. */
  readonly inStep: boolean;
  /** Whether PostHog alone was gone; commands then have evidence of connectivity all the time. */
  readonly onlyPostHog: boolean;
}

interface Arrivals {
  readonly peakPerSecond: number;
  /** After so many seconds half of the machines have delivered. */
  readonly halfAfter: number;
  /** Requests during the outage, per machine. */
  readonly triesBefore: number;
}

/** Runs the fleet through one outage. `random` of 1 always means: no jitter. */
function simulate(fleet: Fleet, outageMs: number, jitter: () => number): Arrivals {
  const perSecond = new Float64Array(WATCHED_MS / SECOND);
  let tries = 0;
  for (let machine = 0; machine < MACHINES; machine += 1) {
    const everyMs = Math.random() < fleet.busyShare ? fleet.every.busyMs : fleet.every.otherMs;
    const back = comeBack(fleet, everyMs, outageMs, jitter);
    tries += back.tries;
    const second = Math.floor((back.at - outageMs) / SECOND);
    if (second < perSecond.length) perSecond[second] = (perSecond[second] ?? 0) + 1;
  }
  let delivered = 0;
  const half = perSecond.findIndex((machines) => {
    delivered += machines;
    return delivered >= MACHINES / 2;
  });
  return { peakPerSecond: Math.max(...perSecond), halfAfter: half, triesBefore: tries / MACHINES };
}

/** When one machine's first request after the outage reaches the server, and how many it made in vain. */
function comeBack(
  fleet: Fleet,
  everyMs: number,
  outageMs: number,
  jitter: () => number,
): { at: number; tries: number } {
  let tries = 0;
  let at = nextCommand(fleet, everyMs, 0);
  while (at < outageMs) {
    tries += 1;
    const until = at + backoffMs({ reason: 'offline', streak: tries }, jitter);
    const evidenceFrom = hasteningFrom({ since: at, until, reason: 'offline', streak: tries });
    // Evidence of connectivity: during the outage only if PostHog alone is gone.
    const hasteFrom = fleet.onlyPostHog ? evidenceFrom : Math.max(evidenceFrom, outageMs);
    at = nextCommand(fleet, everyMs, Math.min(until, hasteFrom));
  }
  return { at, tries };
}

/** The first command after `from`: at random, or all machines' in step. */
function nextCommand({ inStep }: Fleet, everyMs: number, from: number): number {
  if (inStep) return (Math.floor(from / everyMs) + 1) * everyMs;
  return from - Math.log(1 - Math.random()) * everyMs;
}

const PEOPLE = { every: { busyMs: 5 * SECOND, otherMs: HOUR }, busyShare: 0.02, inStep: false };
const BUSY = { every: { busyMs: SECOND, otherMs: SECOND }, busyShare: 1, inStep: false };
const CRON = { every: { busyMs: 60 * SECOND, otherMs: 60 * SECOND }, busyShare: 1, inStep: true };
const FLEETS: readonly (readonly [string, Fleet])[] = [
  ['people, some CI; all offline', { ...PEOPLE, onlyPostHog: false }],
  ['people, some CI; PostHog gone', { ...PEOPLE, onlyPostHog: true }],
  ['a command every second; PostHog gone', { ...BUSY, onlyPostHog: true }],
  ['cron, all in the same second; PostHog gone', { ...CRON, onlyPostHog: true }],
];

console.log(
  `${MACHINES} machines, one request of up to ${FLUSHER.batchRecords} events each; peak requests per second`,
);
console.log(
  '| fleet | outage | peak with jitter | peak without | half are back after, s | tries per machine in vain |',
);
console.log('| --- | --- | --- | --- | --- | --- |');
for (const [name, fleet] of FLEETS) {
  for (const [outage, ms] of OUTAGES) {
    const [jittered, plain] = [simulate(fleet, ms, Math.random), simulate(fleet, ms, () => 1)];
    const figures = [
      jittered.peakPerSecond,
      plain.peakPerSecond,
      jittered.halfAfter,
      jittered.triesBefore.toFixed(1),
    ];
    console.log(`| ${name} | ${outage} | ${figures.join(' | ')} |`);
  }
}
