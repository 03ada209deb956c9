// Bundles the two programs into dist/. A release sets ARCADE_POSTHOG_API_KEY for the build, and only then.
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '..');
const dist = join(root, 'dist');
const { metafile, outputFiles } = await build({
  absWorkingDir: root,
  entryPoints: ['bin/arcade.ts', 'bin/flusher.ts'],
  outdir: dist,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  // The one package with native code stays a package; the others are few enough to travel inside.
  external: ['better-sqlite3'],
  chunkNames: 'chunks/[name]-[hash]',
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
});
// Only now: a build that fails leaves the last good one in place.
rmSync(dist, { recursive: true, force: true });
mkdirSync(join(dist, 'chunks'), { recursive: true });
for (const { path, contents } of outputFiles) writeFileSync(path, contents);
chmodSync(join(dist, 'arcade.js'), 0o755);
writeFileSync(join(dist, 'meta.json'), JSON.stringify(metafile));
writeFileSync(join(dist, 'LICENSES.txt'), licences(Object.keys(metafile.inputs)));

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
