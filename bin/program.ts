/** What the command's process and the flusher's know of the program that they belong to. */
import { extname, join } from 'node:path';
import manifest from '../package.json' with { type: 'json' };

const beside = (path: string): string => join(import.meta.dirname, path);

export const program = {
  version: manifest.version,
  execPath: process.execPath,
  execArgv: process.execArgv,
  flusher: beside(`flusher${extname(import.meta.filename)}`),
  migrations: beside('../migrations/'),
  postHogApiKey: process.env.ARCADE_BUILD_POSTHOG_API_KEY,
};
