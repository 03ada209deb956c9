import { fileURLToPath } from 'node:url';
import manifest from '../package.json' with { type: 'json' };
import { flush } from '../src/flusher.ts';

const kill = (): void => void process.kill(process.pid, 'SIGKILL');

try {
  await flush({
    env: process.env,
    program: {
      version: manifest.version,
      execPath: process.execPath,
      execArgv: process.execArgv,
      flusher: fileURLToPath(import.meta.url),
      migrations: fileURLToPath(new URL('../migrations/', import.meta.url)),
      postHogApiKey: process.env.ARCADE_BUILD_POSTHOG_API_KEY,
    },
    uptimeMs: () => process.uptime() * 1000,
    kill,
  });
} catch {
  // Nobody is there to be told. What was not settled is still in the spool.
}
// Everything is written; whatever else is still open (a socket, a name look-up) is not worth waiting for.
kill();
