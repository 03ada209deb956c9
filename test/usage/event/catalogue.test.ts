/** docs/telemetry.md is what the source says. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { telemetryDocument } from '../../../.ci/telemetry-doc.ts';

test('docs/telemetry.md says what the source says; `npm run docs` writes it anew', () => {
  const written = readFileSync(join(import.meta.dirname, '..', '..', '..', 'docs', 'telemetry.md'), 'utf8');
  assert.equal(written, telemetryDocument());
});
