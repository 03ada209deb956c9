// Bundles the programs into dist/. A release sets ARCADE_POSTHOG_API_KEY for the build, and only then.
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '..');
const dist = join(root, 'dist');
/**
 * CommonJS, because it starts faster: an ES module reads every property of the modules of Node that it imports, and
 * one property of `node:http` alone loads WebSockets (20 ms of CPU).
 */
const common = {
  absWorkingDir: root,
  outdir: dist,
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: 'node22',
  // `import()` becomes a `require` at that moment.
  supported: { 'dynamic-import': false },
  legalComments: 'linked',
  minifySyntax: true,
  minifyWhitespace: true,
  metafile: true,
  define: {
    'process.env.ARCADE_BUILD_POSTHOG_API_KEY': JSON.stringify(process.env.ARCADE_POSTHOG_API_KEY ?? ''),
    'import.meta.filename': '__filename',
    'import.meta.dirname': '__dirname',
    // undici's own switch, by which Node leaves out a second parser of 150 KB.
    esbuildDetection: 'true',
  },
  logLevel: 'warning',
  write: false,
};

/** Our own code is one file for each program. A package is a file of its own, read when code that needs it runs. */
const specifiers = new Map();
const packagesApart = {
  name: 'packages-apart',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^\.\/(?:command|flush)\.ts$/ }, ({ path }) => ({
      path: path.replace('.ts', '.js'),
      external: true,
    }));
    onResolve({ filter: /^[^./]/ }, ({ path, importer, namespace }) => {
      if (
        path.startsWith('node:') ||
        namespace === 'package' ||
        importer.includes(`${sep}node_modules${sep}`)
      )
        return undefined;
      return { path, namespace: 'package' };
    });
    onResolve({ filter: /./, namespace: 'package' }, ({ path }) => ({ path, external: true }));
    onLoad({ filter: /./, namespace: 'package' }, ({ path }) => {
      const [name] = /^(?:@[^/]+\/)?[^/]+/.exec(path);
      specifiers.set(name, (specifiers.get(name) ?? new Set()).add(path));
      const file = JSON.stringify(`./${fileOf(name)}`);
      if (path === name) return { contents: `export * from ${file}; export { default } from ${file};` };
      return { contents: `import all from ${file}; export default all[${JSON.stringify(path)}];` };
    });
  },
};
const fileOf = (name) => `${name.replace('/', '-')}.js`;

const leftOut = {
  name: 'left-out',
  setup({ onLoad }) {
    // posthog-node's gzip looks for `Response`, with which Node loads an undici of its own: 25 ms, 10 MB. We do without.
    onLoad({ filter: /@posthog.core.*gzip\.mjs$/ }, () => ({
      contents:
        'export const isGzipSupported = () => false; export const gzipCompress = undefined, isGzipData = undefined, ' +
        'isGzipRequest = undefined, isNativeAsyncGzipError = undefined, isNativeAsyncGzipReadError = undefined;',
    }));
    // execa opens our standard input to tell it from what it is given, 3 ms; what we start never gets it.
    onLoad({ filter: /execa.lib.(?:stdio.direction|utils.standard-stream)\.js$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8');
      if (!text.includes('process.stdin')) throw new Error(`${path} is not what it was`);
      return { contents: text.replaceAll('process.stdin', '[]') };
    });
    // Its messages between processes need `node:v8`: 1 ms.
    onLoad({ filter: /execa.lib.ipc.ipc-input\.js$/ }, () => ({
      contents: 'export const validateIpcInputOption = () => {}, sendIpcInput = async () => {};',
    }));
  },
};

const program = (entryPoint, define = {}) =>
  build({
    ...common,
    define: { ...common.define, ...define },
    entryPoints: [entryPoint],
    plugins: [packagesApart],
  });
/** What we use of a package that is written as ES modules: all of posthog-node costs each flusher 20 ms more. */
const ALONE = {
  execa: 'export { execa } from "execa";',
  'posthog-node': 'export { PostHog } from "posthog-node";',
  // All of it takes 3 ms more to load.
  'js-yaml': 'export { dump, FAILSAFE_SCHEMA, load, nullCoreTag } from "js-yaml";',
};
const packageFile = ([name, paths]) => {
  const whole = paths.has(name) && paths.size === 1;
  const contents = whole
    ? (ALONE[name] ?? `module.exports = require(${JSON.stringify(name)});`)
    : [...paths]
        .map((path) => `exports[${JSON.stringify(path)}] = require(${JSON.stringify(path)});`)
        .join('\n');
  return build({
    ...common,
    plugins: [leftOut],
    // A third less to read; our own code keeps its names, for the stack traces of --debug.
    minifyIdentifiers: true,
    ...(name === 'better-sqlite3' ? ADDON_IN_ITS_PACKAGE : {}),
    stdin: { contents, resolveDir: root },
    outfile: join(dist, fileOf(name)),
    outdir: undefined,
  });
};
// better-sqlite3 looks for its native code beside itself; bundled, it is to look in its package. Only when the code is
// loaded, so that a command runs without it too. Of the folders that Node would search, only those count that came with
// the program: its own `node_modules`, and those that it lies in. Other folders may belong to another user.
const ADDON_IN_ITS_PACKAGE = {
  define: { __dirname: '$package.lib' },
  banner: {
    js: `const $package={get lib(){
const {dirname,join,sep}=require("node:path"),name="better-sqlite3",program=dirname(__dirname);
if(process.versions.pnp)return dirname(require.resolve(name));
const ours=require.resolve.paths(name).filter(path=>path===join(program,"node_modules")||program.startsWith(path+sep));
const found=ours.find(path=>require("node:fs").existsSync(join(path,name)));
if(found===undefined)throw Object.assign(new Error("Cannot find module '"+name+"'"),{code:"MODULE_NOT_FOUND"});
return join(found,name,"lib")}};`,
  },
};
const programs = await Promise.all(['bin/command.ts', 'bin/flush.ts'].map((file) => program(file)));
const rest = await Promise.all([...specifiers].map(packageFile));
// Tells what V8 compiled of this build from what it compiled of others.
const contentsHash = createHash('sha256');
for (const { contents } of [...programs, ...rest].flatMap(({ outputFiles }) => outputFiles))
  contentsHash.update(contents);
const known = { 'process.env.ARCADE_BUILD': JSON.stringify(contentsHash.digest('hex').slice(0, 16)) };
const starters = await Promise.all(['bin/arcade.ts', 'bin/flusher.ts'].map((file) => program(file, known)));
const built = [...starters, ...programs, ...rest];
const inputs = Object.assign({}, ...built.map(({ metafile }) => metafile.inputs));
const outputs = Object.assign({}, ...built.map(({ metafile }) => metafile.outputs));

// Only now: a build that fails leaves the last good one in place.
rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });
for (const { path, contents } of built.flatMap(({ outputFiles }) => outputFiles))
  writeFileSync(path, path.endsWith('.js') ? ascii(Buffer.from(contents)) : contents);
chmodSync(join(dist, 'arcade.js'), 0o755);
writeFileSync(join(dist, 'package.json'), '{"type":"commonjs"}\n');
writeFileSync(join(dist, 'meta.json'), JSON.stringify({ inputs, outputs }));
writeFileSync(join(dist, 'LICENSES.txt'), licences(Object.keys(inputs)));

/** The loader reads ASCII. esbuild escapes everything else, but not in tagged templates, whose raw text it would change. */
function ascii(contents) {
  const hex = (unit) => unit.charCodeAt(0).toString(16).padStart(4, '0');
  return contents.toString().replace(/[^\x00-\x7f]/g, (unit) => `\\u${hex(unit)}`);
}

// The bundle carries other people's work: their names and terms go with it.
function licences(inputs) {
  const packages = new Set(
    inputs.map((input) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1]).filter(Boolean),
  );
  return [...packages].sort().map(licenceOf).join('\n');
}

function licenceOf(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
  const file = readdirSync(join(root, folder)).find((entry) => /^licen[cs]e/i.test(entry));
  const text = file === undefined ? '' : `\n${readFileSync(join(root, folder, file), 'utf8').trim()}\n`;
  return `${name} ${version} (${license})\n${text}`;
}
