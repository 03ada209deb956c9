// Loaded into the program by its tests, with `node --import`: SIGKILL right before its ARCADE_TEST_KILL_STEP-th step,
// a step being a change to a file of `.arcade` or a statement of SQL. Nothing of this is in the program.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { changeDatabaseClass } from './database-class.mjs';

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

changeDatabaseClass(({ prototype }) => {
  const { prepare, pragma } = prototype;
  prototype.pragma = function (...args) {
    step();
    return pragma.apply(this, args);
  };
  prototype.prepare = function (sql) {
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
});
