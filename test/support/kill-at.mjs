// Loaded into the program by its tests, with `node --import`: SIGKILL right before the statement or the rename
// that ARCADE_TEST_KILL_AT names, and right after it with "after " in front. Nothing of this is in the program.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { changeDatabaseClass } from './database-class.mjs';

const wanted = process.env.ARCADE_TEST_KILL_AT ?? '';
const after = wanted.startsWith('after ');
const point = after ? wanted.slice('after '.length) : wanted;
const die = () => process.kill(process.pid, 'SIGKILL');

/** Runs `work` between the two moments at which the process may be killed. */
function at(what, work) {
  const hit = what.replace(/\s+/g, ' ').includes(point);
  if (hit && !after) die();
  const result = work();
  if (hit) die();
  return result;
}

function killAtStatements({ prototype }) {
  const { prepare } = prototype;
  prototype.prepare = function (sql) {
    const statement = prepare.call(this, sql);
    for (const how of ['run', 'get', 'all']) {
      const original = statement[how];
      statement[how] = (...values) => at(sql, () => original.apply(statement, values));
    }
    return statement;
  };
}

if (point !== '') {
  const { renameSync } = fs;
  fs.renameSync = (from, to) => at(`rename ${to}`, () => renameSync(from, to));
  syncBuiltinESMExports();
  changeDatabaseClass(killAtStatements);
}
