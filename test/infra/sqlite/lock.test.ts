/** The lock between processes, with real ones that hold it, look at it and are killed. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { isLocked, tryLockFor } from '../../../src/infra/sqlite/lock.ts';
import { sandbox } from '../../support/sandbox.ts';

const MODULE = new URL('../../../src/infra/sqlite/lock.ts', import.meta.url).href;

/** A process that runs `code`; it has said one line when this resolves. */
async function other(
  t: TestContext,
  code: string,
  path: string,
): Promise<{ child: ChildProcess; line: string }> {
  const child = spawn(
    process.execPath,
    [
      '--import',
      import.meta.resolve('tsx'),
      '--input-type=module',
      '-e',
      `import { isLocked, tryLockFor } from '${MODULE}'; const path = process.argv[1]; ${code}`,
      path,
    ],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  t.after(() => child.kill('SIGKILL'));
  const [line] = await once(child.stdout as NodeJS.ReadableStream, 'data');
  return { child, line: String(line).trim() };
}

const HOLD = `const lock = await tryLockFor(path, 300); console.log(lock ? 'held' : 'taken'); process.stdin.resume();`;
const place = (t: TestContext): string => join(sandbox(t).home, 'a.lock');

describe('a lock', { concurrency: true }, () => {
  test('is held by one, and free at once when its holder is killed', async (t) => {
    const path = place(t);
    const { child, line } = await other(t, HOLD, path);
    assert.equal(line, 'held');
    assert.equal(isLocked(path), true);
    assert.equal(await tryLockFor(path, 0), undefined);
    child.kill('SIGKILL');
    await once(child, 'exit');
    assert.equal(isLocked(path), false);
    const lock = await tryLockFor(path, 0);
    assert.ok(lock);
    lock.release();
  });

  test('is not freed by a look from its holder, and free when it was released, even twice', async (t) => {
    const path = place(t);
    const lock = await tryLockFor(path, 0);
    assert.equal(isLocked(path), true);
    assert.equal((await other(t, HOLD, path)).line, 'taken');
    lock?.release();
    lock?.release();
    assert.equal((await other(t, HOLD, path)).line, 'held');
  });

  test('looks without end do not keep anybody from it', async (t) => {
    const path = place(t);
    const looker = `console.log('looking'); setInterval(() => { for (let i = 0; i < 50; i += 1) isLocked(path); });`;
    await Promise.all([other(t, looker, path), other(t, looker, path)]);
    const lock = await tryLockFor(path, 20_000);
    assert.ok(lock);
    lock.release();
  });

  test('of eight that want it at the same time one gets it', async (t) => {
    const path = place(t);
    const lines = await Promise.all(Array.from({ length: 8 }, () => other(t, HOLD, path)));
    assert.deepEqual(lines.map(({ line }) => line).sort(), ['held', ...Array(7).fill('taken')]);
  });

  test('that the system makes no file for, the disk being full or the folder gone, is no unusable file', async (t) => {
    await assert.rejects(tryLockFor(join(place(t), 'a.lock'), 0), { code: 'ENOENT' });
  });

  test('on a directory, a pipe, or a file with a text in it, is unusable and says so', async (t) => {
    const [directory, pipe, text] = [place(t), place(t), place(t)];
    mkdirSync(directory);
    execFileSync('mkfifo', [pipe]);
    writeFileSync(text, 'not a database, '.repeat(100), { mode: 0o600 });
    for (const path of [directory, pipe, text]) {
      assert.throws(() => isLocked(path), /cannot be used/);
      await assert.rejects(tryLockFor(path, 0), /cannot be used/);
    }
    assert.match(readFileSync(text, 'utf8'), /^not a database/);
  });
});
