/** Readers that stop reading. */
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { watchPipes } from '../../src/terminal/pipes.ts';

const unwritten = async (code: string): Promise<string | undefined> => {
  const stdout = new EventEmitter();
  const written = watchPipes(stdout, new EventEmitter());
  stdout.emit('error', Object.assign(new Error(code), { code }));
  return (await written())?.code;
};

test('a reader that has seen enough is no failure: EPIPE, and EOF on Windows', async () => {
  assert.equal(await unwritten('EPIPE'), undefined);
  assert.equal(await unwritten('EOF'), undefined);
});

test('a result that could not be written is a failure', async () => {
  assert.equal(await unwritten('ENOSPC'), 'OUTPUT_FAILED');
});
