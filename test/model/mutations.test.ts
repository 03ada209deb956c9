/** The rules that `npm run test:model -- mutations` breaks are still to be found in the source. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { applied, BREAKS, sourceOf } from './mutations.ts';

const ROOT = join(import.meta.dirname, '..', '..');

for (const broken of BREAKS) {
  test(`in ${broken.file} it can be broken that ${broken.what}`, () => {
    const sound = readFileSync(sourceOf(ROOT, broken), 'utf8');
    assert.notEqual(applied(sound, broken), sound);
  });
}
