/** `--only` and `--exclude`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isSelected, parseSelection, unmatched } from '../../src/secrets/selection.ts';

const NAMES = ['DB_HOST', 'DB_PASSWORD', 'API_KEY', 'api.key'];

for (const [only, exclude, selected, misspelt] of [
  [undefined, undefined, NAMES, []],
  ['DB_*', undefined, ['DB_HOST', 'DB_PASSWORD'], []],
  ['DB_*,API_KEY', '*PASS*', ['DB_HOST', 'API_KEY'], []],
  [undefined, ' DB_HOST , api?key', ['DB_PASSWORD', 'API_KEY'], []],
  ['a.k', undefined, [], ['a.k']],
  ['api.key', 'API_KEY', ['api.key'], []],
  ['*', 'DB', NAMES, ['DB']],
  ['***', '(', NAMES, ['(']],
] as const) {
  test(`--only ${only} --exclude ${exclude} selects ${selected.join(' ')}`, () => {
    const selection = parseSelection(only, exclude);
    assert.deepEqual(
      NAMES.filter((name) => isSelected(selection, name)),
      selected,
    );
    assert.deepEqual(unmatched(selection, NAMES), misspelt);
  });
}

for (const [only, exclude, option] of [
  ['', undefined, 'only'],
  [undefined, 'A,,B', 'exclude'],
] as const) {
  test(`--${option} without a name is a usage error`, () => {
    const message = `Option '--${option}' needs names or patterns, with commas between them.`;
    assert.throws(() => parseSelection(only, exclude), { code: 'INVALID_USAGE', exitCode: 2, message });
  });
}
