// The flusher's process: what it is given, and how it ends.
import { extname, join } from 'node:path';
import manifest from '../package.json' with { type: 'json' };
import { flush, probeDestination } from '../src/flusher.ts';
import { killAfter, leave } from '../src/infra/os/last-resort.ts';
import { FLUSHER, PROBE } from '../src/settings.ts';

const beside = (path: string): string => join(import.meta.dirname, path);
const uptimeMs = (): number => process.uptime() * 1000;

const keepTime = killAfter(FLUSHER.killAtMs - uptimeMs());
const around = {
  env: process.env,
  program: {
    version: manifest.version,
    execPath: process.execPath,
    execArgv: process.execArgv,
    flusher: beside(`flusher${extname(import.meta.filename)}`),
    migrations: beside('../migrations/'),
    postHogApiKey: process.env.ARCADE_BUILD_POSTHOG_API_KEY,
  },
  uptimeMs,
  keepTime,
};
if (process.argv.at(2) === PROBE) {
  void probeDestination(around).then((probe) => process.stdout.write(JSON.stringify(probe)));
} else {
  void flush(around)
    // No one is there to be told. What was not settled is still in the spool.
    .catch(() => undefined)
    .finally(leave);
}
