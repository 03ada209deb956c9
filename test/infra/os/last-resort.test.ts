/** A process ends when its time is up, whatever it does. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, test } from 'node:test';

const MODULE = new URL('../../../src/infra/os/last-resort.ts', import.meta.url).href;
const run = (code: string) =>
  spawn(
    process.execPath,
    [
      '--import',
      import.meta.resolve('tsx'),
      '--input-type=module',
      '-e',
      `import { killAfter, leave } from '${MODULE}'; ${code}`,
    ],
    { stdio: 'ignore' },
  );

describe('the last resort', { concurrency: true }, () => {
  test('ends a process whose main thread does not come to rest', async () => {
    const [code, signal] = await once(
      run('killAfter(600, 0); setTimeout(() => { for (;;); }, 300);'),
      'exit',
    );
    assert.deepEqual([code, signal], [null, 'SIGKILL']);
  });

  test('does not keep a process that has nothing left to do', async () => {
    const [code] = await once(run('killAfter(60_000);'), 'exit');
    assert.equal(code, 0);
  });

  test('is not needed where no name is being looked up', async () => {
    const [code] = await once(run('killAfter(60_000); setInterval(() => undefined, 1000); leave();'), 'exit');
    assert.equal(code, 0);
  });
});
