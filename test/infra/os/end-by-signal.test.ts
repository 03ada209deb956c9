/** A process that ends by a signal, for the shell to see. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';

const MODULE = join(import.meta.dirname, '..', '..', '..', 'src', 'infra', 'os', 'end-by-signal.ts');

/** Runs it in a process that takes its system for `platform`, with a listener that would keep it alive. */
const endedBy = async (signal: string, platform: string) => {
  const script = `
    Object.defineProperty(process, 'platform', { value: '${platform}' });
    process.on('${signal}', () => {});
    const { endBySignal } = await import(${JSON.stringify(MODULE)});
    setInterval(() => {}, 1000);
    endBySignal('${signal}');`;
  const args = ['--import', 'tsx', '--input-type=module', '-e', script];
  const ended = await execa(process.execPath, args, { reject: false });
  return [ended.exitCode, ended.signal, ended.stderr];
};

for (const [signal, code] of [
  ['SIGHUP', 129],
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  test(`${signal} ends the process as a signal does, on Windows with ${code}`, async () => {
    if (process.platform !== 'win32')
      assert.deepEqual(await endedBy(signal, process.platform), [undefined, signal, '']);
    assert.deepEqual(await endedBy(signal, 'win32'), [code, undefined, '']);
  });
}
