/** What the program is told of itself in a test that runs it in its own process. */
import { join } from 'node:path';
import manifest from '../../package.json' with { type: 'json' };
import type { Program } from '../../src/settings.ts';

const ROOT = join(import.meta.dirname, '..', '..');

export const PROGRAM: Program = {
  version: manifest.version,
  execPath: process.execPath,
  execArgv: [],
  flusher: join(ROOT, 'dist', 'flusher.js'),
  migrations: join(ROOT, 'migrations'),
  postHogApiKey: undefined,
};
