#!/usr/bin/env -S node --
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import manifest from '../package.json' with { type: 'json' };
import { main } from '../src/main.ts';

const here = fileURLToPath(import.meta.url);
const beside = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const monotonic = (): number => Number(process.hrtime.bigint()) / 1e9;

const ending = await main({
  argv: process.argv.slice(2),
  env: process.env,
  program: {
    version: manifest.version,
    execPath: process.execPath,
    execArgv: process.execArgv,
    flusher: beside(`./flusher${extname(here)}`),
    migrations: beside('../migrations/'),
    postHogApiKey: process.env.ARCADE_BUILD_POSTHOG_API_KEY,
  },
  // Looking at it opens it.
  get stdin() {
    return process.stdin;
  },
  stdout: process.stdout,
  stderr: process.stderr,
  on: (signal, listener) => void process.once(signal, listener),
  monotonic,
  startedAt: monotonic() - process.uptime(),
});
process.exitCode = ending.exitCode;
if (ending.atOnce) process.exit();
