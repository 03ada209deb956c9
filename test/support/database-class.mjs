// For what the tests load into the program with `node --import`: the class of better-sqlite3 that the program will use.
import { existsSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { Script } from 'node:vm';

/** Calls `change` with the class before the program opens a database. */
export function changeDatabaseClass(change) {
  const program = realpathSync(process.argv[1]);
  if (!existsSync(join(dirname(program), 'better-sqlite3.js'))) {
    change(createRequire(program)('better-sqlite3'));
    return;
  }
  // The built program loads the files beside it by itself, each as a function of its module.
  const { runInThisContext } = Script.prototype;
  Script.prototype.runInThisContext = function (...options) {
    const load = runInThisContext.apply(this, options);
    return function (...given) {
      load.apply(this, given);
      if (basename(given[3]) === 'better-sqlite3.js') change(given[2].exports);
    };
  };
}
