/** This machine, as far as it is recorded: what the system, Node and this program say of themselves. */
import { release, type } from 'node:os';
import manifest from '../../../package.json' with { type: 'json' };
import type { FromMachine, Machine } from './event.ts';

/** Nothing else may call a string one of the machine's. */
export function machineOf(): Machine {
  const system = type();
  return {
    cli_version: manifest.version as FromMachine,
    runtime_version: process.versions.node as FromMachine,
    os_type: (system === 'Windows_NT' ? 'Windows' : system) as FromMachine,
    os_release: release() as FromMachine,
  };
}
