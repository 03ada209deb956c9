// Loaded into the program by its tests, with `node --import`: another program has the files open that
// ARCADE_TEST_HELD_OPEN names, as on Windows, where they can then be neither removed nor renamed.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const held = new RegExp(process.env.ARCADE_TEST_HELD_OPEN ?? '^$');
for (const name of ['rmSync', 'renameSync']) {
  const original = fs[name];
  fs[name] = (path, ...more) => {
    if (held.test(path))
      throw Object.assign(new Error(`EBUSY: ${path}`), { code: 'EBUSY', syscall: name, path });
    return original(path, ...more);
  };
}
syncBuiltinESMExports();
