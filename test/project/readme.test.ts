/** README names what the source has. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { RECORDED_MESSAGES } from '../../src/errors.ts';
import { COMMANDS } from '../../src/program/commands.ts';

const root = join(import.meta.dirname, '..', '..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const commands = [...COMMANDS].filter(([, { hidden }]) => hidden !== true).map(([words]) => words);

test('README names every command', () => {
  assert.ok(commands.length > 5);
  for (const words of commands) {
    const [group, command] = words.split(' ');
    const named = new RegExp(`arcade ${group}\\b[^\\n]*${command === undefined ? '' : `\\b${command}\\b`}`);
    assert.match(readme, named, words);
  }
});

test('README names every variable that the program reads', () => {
  const settings = readFileSync(join(root, 'src', 'settings.ts'), 'utf8');
  const read = new Set(
    [...settings.matchAll(/env\.((?:ARCADE|DO)_[A-Z_]+)/g)].map((match) => match[1] ?? ''),
  );
  assert.ok(read.size > 5);
  for (const variable of read) assert.ok(readme.includes(`\`${variable}\``), variable);
});

test('README lists every property of an event', () => {
  const source = readFileSync(join(root, 'src', 'usage', 'event', 'event.ts'), 'utf8');
  const body = /export interface EventProperties \{([\s\S]*?)\n\}/.exec(source)?.[1] ?? '';
  const properties = [...body.matchAll(/readonly ([a-z_]+)\??:/g)].map((match) => match[1] ?? '');
  assert.ok(properties.length > 8);
  for (const property of properties) assert.ok(readme.includes(`\`${property}\``), property);
});

test('a recorded message is a fixed sentence without a place to put anything in', () => {
  for (const [code, message] of Object.entries(RECORDED_MESSAGES)) {
    assert.match(message, /^[A-Z][A-Za-z ,=-]+$/, code);
    assert.ok(message.length <= 300, code);
  }
});
