// Loaded into the program by its tests, with `node --import`: SIGKILL right before its ARCADE_TEST_KILL_STEP-th step,
// a step being a change to a file of `.arcade` or a statement of SQL. Nothing of this is in the program.
import fs, { existsSync, realpathSync } from 'node:fs';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

let left = Number(process.env.ARCADE_TEST_KILL_STEP);

function step() {
  left -= 1;
  if (left === 0) process.kill(process.pid, 'SIGKILL');
}

const named = ['mkdirSync', 'openSync', 'renameSync', 'rmSync', 'chmodSync', 'rmdirSync'];
const opened = ['writeSync', 'writeFileSync', 'fchmodSync', 'fsyncSync', 'closeSync'];
for (const name of [...named, ...opened]) {
  const original = fs[name];
  fs[name] = (...args) => {
    if (typeof args[0] === 'number' || String(args[0]).includes('.arcade')) step();
    return original(...args);
  };
}
syncBuiltinESMExports();

const bundled = join(dirname(realpathSync(process.argv[1])), 'better-sqlite3.js');
const Database = existsSync(bundled)
  ? (await import(pathToFileURL(bundled).href)).default
  : createRequire(process.argv[1])('better-sqlite3');
const { prepare, pragma } = Database.prototype;
Database.prototype.pragma = function (...args) {
  step();
  return pragma.apply(this, args);
};
Database.prototype.prepare = function (sql) {
  const statement = prepare.call(this, sql);
  for (const how of ['run', 'get', 'all']) {
    const original = statement[how];
    statement[how] = (...values) => {
      step();
      return original.apply(statement, values);
    };
  }
  return statement;
};
