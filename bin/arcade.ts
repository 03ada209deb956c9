#!/usr/bin/env -S node --
// The first file that any Node reads, old ones too: no syntax and no import that Node 14 lacks. The `--` above keeps
// Node from taking `--env-file` out of our arguments (docs/systems.md).
import './compile-cache.ts';
import { isNewEnough } from './node-version.ts';

if (isNewEnough(process.versions.node)) void import('./command.ts');
else void import('./older-node.ts').then(({ goOnWithNewerNode }) => goOnWithNewerNode());
