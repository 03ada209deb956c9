// The flusher's process: what it is given, and how it ends.
import { flush, probeDestination } from '../src/flusher.ts';
import { killAfter, leave } from '../src/infra/os/last-resort.ts';
import { FLUSHER, PROBE } from '../src/settings.ts';
import { program } from './program.ts';

const uptimeMs = (): number => process.uptime() * 1000;

const keepTime = killAfter(FLUSHER.killAtMs - uptimeMs());
const around = {
  env: process.env,
  program,
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
