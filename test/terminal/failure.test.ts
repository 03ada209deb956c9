/** How a failure is shown, on the terminal and as JSON. */
import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { errorDocument, printError } from '../../src/terminal/failure.ts';
import { openOutput } from '../../src/terminal/output.ts';

test('an error that no one expected has one message and one hint, on the terminal and as JSON', async () => {
  let shown = '';
  const stream = new Writable({
    write(chunk, _encoding, done) {
      shown += chunk;
      done();
    },
  });
  const error = new TypeError('secret');
  await printError(openOutput(stream, stream, {}, false), error, false);
  const { code, message, hint } = (errorDocument(error) as { error: Record<string, string> }).error;
  assert.equal(code, 'UNEXPECTED');
  assert.match(hint ?? '', /--debug/);
  assert.equal(shown, `Error: ${message}\nHint: ${hint}\n`);
});
