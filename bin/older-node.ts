/**
 * What a Node that is too old does: in a checkout it goes on with the Node that the checkout has brought along, and
 * anywhere else it says which Node is needed. Old Nodes read this file: no syntax and no import that Node 14 lacks.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { endBySignal } from '../src/infra/os/end-by-signal.ts';
import { isNewEnough, NEEDED } from './node-version.ts';

/** Runs this command line with a newer Node, or says in one line what is missing and ends with 1. */
export function goOnWithNewerNode(): void {
  const node = nodeOfCheckout();
  if (node !== undefined) {
    become(node);
    return;
  }
  process.stderr.write(
    `arcade needs Node ${NEEDED} or later, and this is Node ${process.versions.node}: https://nodejs.org\n`,
  );
  process.exitCode = 1;
}

/** The Node that `npm ci` installed beside the source; what a user installs has none. */
function nodeOfCheckout(): string | undefined {
  const folder = join(import.meta.dirname, '..', 'node_modules', 'node');
  try {
    const { version, bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    return isNewEnough(version) ? join(folder, bin.node) : undefined;
  } catch {
    return undefined;
  }
}

/** As if this process were the other one: its streams, its signals and its end. */
function become(node: string): void {
  const script = String(process.argv[1]);
  const args = process.execArgv.concat('--', script, process.argv.slice(2));
  const child = spawn(node, args, { stdio: 'inherit' });
  const signals: NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) {
    process.on(signal, () => {
      // A terminal sends its signals to the child as well; the program takes two within a moment for one. So does a
      // Windows console, where `kill` would leave the child no time to react.
      if (process.platform !== 'win32') child.kill(signal);
    });
  }
  child.on('error', (error) => {
    process.stderr.write(
      `arcade needs Node ${NEEDED} or later; ${node} cannot be started: ${error.message}. \`npm run build\` fetches it.\n`,
    );
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    if (signal === null) process.exitCode = Number(code);
    else endBySignal(signal);
  });
}
