/**
 * `npm run test:nodes [FILE...]`: the tests on each Node that the program is for, one after the other.
 * `npm run bench:nodes`: the tables of `npm run bench` for README, on the lowest and the usual Node.
 *
 * Each Node is the npm package of that name, fetched into a folder of its own.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const root = join(import.meta.dirname, '..');
const isBench = process.argv[2] === 'bench';
const VERSIONS = isBench ? ['22', '24'] : ['22.22.0', '22', '24', '26'];
const files = process.argv.length > 2 ? process.argv.slice(2) : ['test/**/*.test.ts'];
const ARGUMENTS = isBench
  ? ['--import', 'tsx', 'test/bench/bench.ts', '--readme']
  : ['--import', 'tsx', '--test', '--test-reporter=spec', '--test-concurrency=4', ...files];

const failed = VERSIONS.filter((version) => {
  const folder = nodeOf(version);
  const env = { ...process.env, PATH: [folder, process.env.PATH].join(delimiter) };
  const node = join(folder, process.platform === 'win32' ? 'node.exe' : 'node');
  const { stdout } = spawnSync(node, ['-v'], { encoding: 'utf8' });
  process.stdout.write(`\n== Node ${stdout}`);
  return spawnSync(node, ARGUMENTS, { cwd: root, env, stdio: 'inherit' }).status !== 0;
});
process.stdout.write(failed.length === 0 ? '\nAll of them pass.\n' : `\nFailed on: ${failed.join(', ')}\n`);
process.exitCode = failed.length === 0 ? 0 : 1;

/** The folder of its program. */
function nodeOf(version) {
  const folder = join(root, 'node_modules', '.nodes', version);
  const program = join(folder, 'node_modules', 'node', 'bin');
  const wanted = join(folder, 'node_modules', 'node', 'package.json');
  if (existsSync(wanted) && JSON.parse(readFileSync(wanted, 'utf8')).version.startsWith(version))
    return program;
  mkdirSync(folder, { recursive: true });
  // npm 12 runs the install script, which fetches the program, of allowed packages alone.
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ allowScripts: { node: true } }));
  const words = [
    'install',
    '--no-save',
    '--no-audit',
    '--no-fund',
    '--ignore-scripts=false',
    '--loglevel=error',
  ];
  execFileSync('npm', [...words, `node@${version}`], {
    cwd: folder,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  return program;
}
