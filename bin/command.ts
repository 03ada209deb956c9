// The command's process: what it is given, and how it ends.
import { fstatSync, statSync } from 'node:fs';
import { devNull } from 'node:os';
import { endBySignal } from '../src/infra/os/end-by-signal.ts';
import { main } from '../src/main.ts';
import { writeWholly } from '../src/terminal/pipes.ts';
import { program } from './program.ts';

const monotonic = (): number => Number(process.hrtime.bigint()) / 1e9;

// Node cannot end while the system's resolver waits for a name server, whatever our own time limits say. glibc
// reads this at the first look-up; its default of 5 s and 2 tries keeps a failed command on the terminal for 10 s.
process.env.RES_OPTIONS ??= 'timeout:2 attempts:2';

// Certificates are verified whatever this says; Node would warn that they are not.
delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;

writeWholly(process.stdout, 1);
const terminals = [0, 1, 2].filter(isTerminal);

// Node ends when nothing is left to wait for: that is no success of a command that has not said how it ended.
process.exitCode = 1;

void main({
  argv: process.argv.slice(2),
  env: process.env,
  program,
  // Looking at it opens it.
  get stdin() {
    return process.stdin;
  },
  stdout: process.stdout,
  stderr: process.stderr,
  signals: { on: (signal, listener) => void process.on(signal, listener), endBy: endBySignal },
  monotonic,
  startedAt: monotonic() - process.uptime(),
}).then(end);

function end(exitCode: number): void {
  // Node aborts when it finds on its way out that its terminal is gone; the signal that says so ends it in peace.
  if (!terminals.every(isTerminal)) endBySignal('SIGHUP');
  // At once: all is written, and what is still under way is nothing to wait for.
  process.exit(exitCode);
}

/** Without `node:tty`, which takes 3 ms to load, for files and /dev/null. Where there is a terminal, Node has loaded it. */
function isTerminal(stream: number): boolean {
  const found = fstatSync(stream);
  if (!found.isCharacterDevice() || found.rdev === statSync(devNull, { throwIfNoEntry: false })?.rdev)
    return false;
  return process.getBuiltinModule('node:tty').isatty(stream);
}
