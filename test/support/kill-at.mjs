// Loaded into the program by its tests, with `node --import`: SIGKILL right before the statement or the rename
// that ARCADE_TEST_KILL_AT names, and right after it with "after " in front. Nothing of this is in the program.
import fs, { existsSync, realpathSync } from 'node:fs';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

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

/** The same as the program's: its bundle has a file for it. */
async function better() {
  const bundled = join(dirname(realpathSync(process.argv[1])), 'better-sqlite3.js');
  if (!existsSync(bundled)) return createRequire(process.argv[1])('better-sqlite3');
  return (await import(pathToFileURL(bundled).href)).default;
}

if (point !== '') {
  const { renameSync } = fs;
  fs.renameSync = (from, to) => at(`rename ${to}`, () => renameSync(from, to));
  syncBuiltinESMExports();
  const Database = await better();
  const { prepare } = Database.prototype;
  Database.prototype.prepare = function (sql) {
    const statement = prepare.call(this, sql);
    for (const how of ['run', 'get', 'all']) {
      const original = statement[how];
      statement[how] = (...values) => at(sql, () => original.apply(statement, values));
    }
    return statement;
  };
}
