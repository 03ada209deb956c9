#!/usr/bin/env -S node --
// What a checkout runs as `arcade` (npx, npm link, npm install --global .): the built program. Where none is built yet,
// the checkout is prepared first. A package has the program itself in this place.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const program = path('../dist/arcade.js');
const prepared = existsSync(program)
  ? { status: 0 }
  : spawnSync(process.execPath, [path('prepare.mjs')], { stdio: ['ignore', 2, 2] });
if (prepared.status === 0) {
  process.argv[1] = program;
  await import(new URL('../dist/arcade.js', import.meta.url).href);
} else process.exitCode = 1;
