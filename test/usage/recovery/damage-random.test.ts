/** Random damage, the same at each run: whatever bytes a disk has changed, what is left is sent and the rest accounted for. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import Database from 'better-sqlite3';
import { below, pick, type Random, randomFrom } from '../../model/random.ts';
import { inside } from '../../support/inside.ts';
import { type PostHog, startPostHog } from '../../support/posthog.ts';
import { fillSpool } from '../../support/queue.ts';
import { openSandbox, removeHome, sandbox } from '../../support/sandbox.ts';

const RECORDS = 300;
const PAGE = 4096;
const SEEDS = Array.from({ length: 30 }, (_, i) => i + 1);

const HARMS: Readonly<Record<string, (bytes: Buffer, random: Random) => void>> = {
  'a bit is flipped': flip,
  'eight bits are flipped': (bytes, random) => {
    for (let i = 0; i < 8; i += 1) flip(bytes, random);
  },
  'sixty-four bytes are others': (bytes, random) => {
    const at = below(random, bytes.length);
    for (let i = at; i < Math.min(at + 64, bytes.length); i += 1) bytes[i] = below(random, 256);
  },
  'a page is empty': (bytes, random) => void pageOf(bytes, random).fill(0),
  'two pages have changed places': (bytes, random) => {
    const [one, other] = [pageOf(bytes, random), pageOf(bytes, random)];
    const kept = Buffer.from(one);
    other.copy(one);
    kept.copy(other);
  },
};

function flip(bytes: Buffer, random: Random): void {
  const at = below(random, bytes.length);
  bytes[at] = (bytes[at] ?? 0) ^ (1 << below(random, 8));
}

function pageOf(bytes: Buffer, random: Random): Buffer {
  const at = below(random, bytes.length / PAGE) * PAGE;
  return bytes.subarray(at, at + PAGE);
}

interface Told {
  readonly ledger: {
    readonly recorded: number;
    readonly pending: number;
    readonly delivered: number;
    readonly quarantined: number;
    readonly dropped: Readonly<Record<string, number>>;
  };
}

describe('when, by chance,', { concurrency: 2 }, () => {
  let posthog: PostHog;
  let sound: Buffer;
  before(async () => {
    posthog = await startPostHog();
    const home = openSandbox();
    fillSpool(home.directory, RECORDS);
    const db = new Database(join(home.directory, 'usage.db'));
    db.pragma('journal_mode = DELETE');
    db.close();
    sound = readFileSync(join(home.directory, 'usage.db'));
    await removeHome(home);
  });
  after(() => posthog.close());

  for (const seed of SEEDS) {
    const random = randomFrom(seed);
    const what = pick(random, Object.keys(HARMS));
    test(`${what} all is sent or accounted for (${seed})`, async (t) => {
      const home = sandbox(t);
      const bytes = Buffer.from(sound);
      HARMS[what]?.(bytes, random);
      home.write('usage.db', bytes);
      const env = {
        ARCADE_USAGE_TRACKING: undefined,
        ...posthog.env,
      };
      // The first may set aside and say so.
      const flushed = await inside(home, ['usage', 'flush'], { env });
      if (flushed.exitCode !== 0) await inside(home, ['usage', 'flush'], { env });
      const { ledger } = JSON.parse((await inside(home, ['usage', 'status', '--json'])).stdout) as Told;
      const doctor = await inside(home, ['usage', 'doctor', '--json']);
      const { findings } = JSON.parse(doctor.stdout) as { findings: { code: string; severity: string }[] };
      assert.equal(ledger.pending, 0, flushed.stderr);
      // Of a record whose text alone was changed nothing is lost but itself.
      const gone = Object.values(ledger.dropped).reduce((sum, number) => sum + number, ledger.quarantined);
      const isUncounted = findings.some(({ code }) => code === 'uncounted');
      if (!isUncounted) assert.deepEqual([ledger.recorded, ledger.delivered + gone], [RECORDS, RECORDS]);
      // Damage that no statement has met is told, and in nobody's way.
      const errors = findings.filter(({ code, severity }) => severity === 'error' && code !== 'integrity');
      assert.deepEqual(errors, []);
    });
  }
});
