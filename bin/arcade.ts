#!/usr/bin/env -S node --
// The first file that any Node reads, old ones too: no syntax and no import that Node 14 lacks. The `--` above keeps
// Node from taking `--env-file` out of our arguments (docs/systems.md).
import { requireKept } from './kept-code.ts';
import { isNewEnough } from './node-version.ts';

const file = import.meta.filename;
if (!isNewEnough(process.versions.node))
  void import('./older-node.ts').then(({ goOnWithNewerNode }) => goOnWithNewerNode());
else if (file.endsWith('.js')) requireKept(file, 'command.js');
else void import('./command.ts');
