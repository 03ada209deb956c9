import './detach.ts';
import './compile-cache.ts';
import { fileURLToPath } from 'node:url';
import manifest from '../package.json' with { type: 'json' };
import { flush, probeDestination } from '../src/flusher.ts';
import { killAfter, leave } from '../src/infra/os/last-resort.ts';
import { FLUSHER, PROBE } from '../src/settings.ts';

const uptimeMs = (): number => process.uptime() * 1000;

const keepTime = killAfter(FLUSHER.killAtMs - uptimeMs());
const around = {
  env: process.env,
  program: {
    version: manifest.version,
    execPath: process.execPath,
    execArgv: process.execArgv,
    flusher: fileURLToPath(import.meta.url),
    migrations: fileURLToPath(new URL('../migrations/', import.meta.url)),
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
