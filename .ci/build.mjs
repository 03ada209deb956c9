// Bundles the two programs into dist/. A release sets ARCADE_POSTHOG_API_KEY for the build, and only then.
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '..');
const dist = join(root, 'dist');
const common = {
  absWorkingDir: root,
  outdir: dist,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node22',
  legalComments: 'linked',
  minifySyntax: true,
  minifyWhitespace: true,
  metafile: true,
  define: {
    'process.env.ARCADE_BUILD_POSTHOG_API_KEY': JSON.stringify(process.env.ARCADE_POSTHOG_API_KEY ?? ''),
  },
  // CommonJS packages ask for Node's own modules with `require`.
  banner: { js: 'import{createRequire as $r}from"node:module";const require=$r(import.meta.url);' },
  logLevel: 'warning',
  write: false,
};

// Every command that is recorded reads the recorder. Split up with the rest it would be a dozen files and
// better-sqlite3 a dozen more, which take longer to read than an event takes to record. better-sqlite3 is one file
// for all programs, for its errors are told by their class; the native code stays in its package.
const FILES_OF_THEIR_OWN = {
  recorder: /\/usage\/append\/recorder\.ts$/,
  'better-sqlite3': /^better-sqlite3$/,
};
const beside = {
  name: 'beside',
  setup({ onResolve }) {
    for (const [name, filter] of Object.entries(FILES_OF_THEIR_OWN))
      onResolve({ filter }, ({ kind }) =>
        kind === 'entry-point' ? undefined : { path: `./${name}.js`, external: true },
      );
  },
};
// better-sqlite3 looks for its native code beside itself; bundled, it is to look in its package. Only when the code is
// loaded, so that a command runs without it too.
const ADDON_IN_ITS_PACKAGE = {
  define: { __dirname: '$package.lib' },
  banner: {
    js: `${common.banner.js}import{dirname as $dirname}from"node:path";const $package={get lib(){return $dirname(require.resolve("better-sqlite3"))}};`,
  },
};
const bundle = (entryPoints, options) => build({ ...common, entryPoints, plugins: [beside], ...options });
const built = await Promise.all([
  bundle(['bin/arcade.ts', 'bin/flusher.ts'], { splitting: true }),
  bundle({ recorder: 'src/usage/append/recorder.ts' }),
  bundle({ 'better-sqlite3': 'better-sqlite3' }, ADDON_IN_ITS_PACKAGE),
]);
const inputs = Object.assign({}, ...built.map(({ metafile }) => metafile.inputs));
const outputs = Object.assign({}, ...built.map(({ metafile }) => metafile.outputs));

// Only now: a build that fails leaves the last good one in place.
rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });
for (const { path, contents } of built.flatMap(({ outputFiles }) => outputFiles))
  writeFileSync(path, contents);
chmodSync(join(dist, 'arcade.js'), 0o755);
writeFileSync(join(dist, 'meta.json'), JSON.stringify({ inputs, outputs }));
writeFileSync(join(dist, 'LICENSES.txt'), licences(Object.keys(inputs)));

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
