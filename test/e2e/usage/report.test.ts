/** `arcade usage report`: the page, where it may be written, and how a browser shows it. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { arcade } from '../../support/cli.ts';
import { change } from '../../support/damage.ts';
import { inside } from '../../support/inside.ts';
import { type Sandbox, sandbox } from '../../support/sandbox.ts';
import { seeded, seedSpool } from '../../support/seed.ts';

const BROWSER = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
);

async function report(home: Sandbox): Promise<string> {
  seedSpool(home, { records: 60, everyMs: 3600_000, delivered: 40, quarantined: 2 });
  const { exitCode, stderr } = await arcade(home, ['usage', 'report']);
  assert.equal(exitCode, 0, stderr);
  return join(home.home, 'arcade-usage.html');
}

test('`usage report` writes one private file that loads and runs nothing', async (t) => {
  const path = await report(sandbox(t));
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const text = readFileSync(path, 'utf8');
  const style = /<style>([\s\S]*?)<\/style>/.exec(text)?.[1] ?? '';
  const hash = createHash('sha256').update(style).digest('base64');
  assert.ok(
    text.includes(`default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`),
  );
  assert.doesNotMatch(text, /<(script|link|img|iframe|object|embed|form|base)\b/i);
  assert.doesNotMatch(text, /\s(src|href|style|on[a-z]+)=/i);
  assert.doesNotMatch(style, /url\(|@import/);
  assert.match(text, /Peak 60 pending; 18 now\./);
  for (const limit of ['24 h', '60 min'])
    assert.ok(text.includes(`<th scope="row">within ${limit}</th><td>0</td>`));
  assert.match(text, /<th scope="row">longer<\/th><td>0<\/td>/);
});

test('`usage report` replaces its own report and nothing else', async (t) => {
  const home = sandbox(t);
  const path = await report(home);
  assert.equal((await arcade(home, ['usage', 'report'])).exitCode, 0);
  const mine = 'mine: content="arcade usage report"';
  writeFileSync(path, mine);
  const { exitCode, stdout, stderr } = await arcade(home, ['usage', 'report', '--json']);
  assert.equal(exitCode, 1);
  assert.match(stdout, /"code": "FILE_EXISTS"/);
  assert.match(stderr, /already exists and is not an arcade report/);
  assert.equal(readFileSync(path, 'utf8'), mine);
});

test('`usage report` neither reads nor replaces what is no file', { timeout: 60_000 }, async (t) => {
  const home = seeded(t, { records: 3 });
  const pipe = join(home.home, 'pipe');
  execFileSync('mkfifo', [pipe]);
  for (const path of [pipe, home.home, '/dev/null', '/dev/stdout']) {
    const { exitCode, stderr } = await arcade(home, ['usage', 'report', '--output', path]);
    assert.equal(exitCode, 1, path);
    assert.match(stderr, /already exists and is not an arcade report/);
  }
  assert.ok(lstatSync(pipe).isFIFO());
});

test('`usage report` writes through no link, whatever the link points at', async (t) => {
  const home = seeded(t, { records: 3 });
  const target = join(home.home, 'shadowed');
  symlinkSync(target, join(home.home, 'arcade-usage.html'));
  const { exitCode, stderr } = await arcade(home, ['usage', 'report']);
  assert.equal(exitCode, 1);
  assert.match(stderr, /already exists and is not an arcade report/);
  assert.equal(existsSync(target), false);
});

test('`usage report --output -` prints the page', async (t) => {
  const home = seeded(t, { records: 3 });
  const { exitCode, stdout } = await inside(home, ['usage', 'report', '-o', '-']);
  assert.equal(exitCode, 0);
  assert.match(stdout, /^<!doctype html>[\s\S]*<\/html>\n$/);
  assert.equal((await inside(home, ['usage', 'report', '-o', '-', '--open'])).exitCode, 2);
  assert.equal(existsSync(join(home.home, '-')), false);
});

test('`usage report` makes no report of nothing', async (t) => {
  const home = sandbox(t);
  const { exitCode, stderr } = await arcade(home, ['usage', 'report']);
  assert.equal(exitCode, 1);
  assert.match(stderr, /nothing to report/);
  assert.equal(existsSync(join(home.home, 'arcade-usage.html')), false);
});

test('`usage report` shows what anyone wrote into the database as text, never as markup', async (t) => {
  const home = sandbox(t);
  await report(home);
  const evil = `</pre><script>document.title = 'run'</script><img src=x onerror="document.title = 'run'">`;
  const value = `'${evil.replaceAll("'", "''")}'`;
  change(
    join(home.directory, 'usage.db'),
    `UPDATE record SET distinct_id = ${value}, reason = ${value} WHERE id = 50`,
  );
  assert.equal((await arcade(home, ['usage', 'report'])).exitCode, 0);
  const text = readFileSync(join(home.home, 'arcade-usage.html'), 'utf8');
  assert.doesNotMatch(text, /<script|<img/);
  assert.ok(text.includes('&lt;script&gt;'));
});

test('`usage report` of ten thousand records holds each of them, as it goes on the wire, and stays below 8 MB', async (t) => {
  const home = seeded(t, { records: 10_000, delivered: 500, quarantined: 20 });
  const { exitCode, stderr } = await arcade(home, ['usage', 'report']);
  assert.equal(exitCode, 0, stderr);
  const text = readFileSync(join(home.home, 'arcade-usage.html'), 'utf8');
  assert.ok(text.length < 8e6, `${text.length} bytes`);
  const payloads = new Set([...text.matchAll(/<pre>(.*?)<\/pre>/gs)].map(([, payload]) => payload));
  const { stdout } = await arcade(home, ['usage', 'export']);
  const exported = stdout.trim().split('\n');
  assert.equal(exported.length, 10_000);
  for (const line of exported) {
    const { payload } = JSON.parse(line) as { payload: unknown };
    assert.ok(payloads.has(JSON.stringify(payload, null, 1)), line);
  }
});

for (const colorScheme of ['light', 'dark'] as const) {
  test(`\`usage report\` in a browser, ${colorScheme}: whole, legible, named, and without a word to the network`, async (t) => {
    if (BROWSER === undefined) return t.skip('there is no Chromium on this machine');
    const path = await report(sandbox(t));
    const { chromium } = await import('playwright-core');
    const browser = await chromium.launch({
      executablePath: BROWSER,
      args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-dev-shm-usage'],
    });
    t.after(() => browser.close());
    const page = await browser.newPage({ colorScheme, viewport: { width: 1000, height: 900 } });
    const complaints: string[] = [];
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(String(error)));
    const requested: string[] = [];
    page.on('request', (request) => requested.push(request.url()));
    await page.goto(pathToFileURL(path).href);
    assert.deepEqual(complaints, []);
    assert.deepEqual(requested, [pathToFileURL(path).href]);
    assert.equal(await page.getByRole('heading', { level: 1 }).count(), 1);
    for (const name of ['Events per day', 'Slowest commands', 'Pending records', 'Delivery delay']) {
      assert.equal(await page.getByRole('heading', { name, exact: true, level: 2 }).count(), 1, name);
      const chart = page.getByRole('img', { name: new RegExp(`^${name}`) });
      assert.ok(((await chart.boundingBox())?.width ?? 0) > 300, name);
    }
    for (const [name, ratio] of Object.entries(await contrasts(page)))
      assert.ok(ratio >= 4.5, `${name}: ${ratio}`);
    await page.getByText('show', { exact: true }).first().click();
    assert.match(
      (await page.locator('details[open] pre').first().textContent()) ?? '',
      /"event": "CLI execution/,
    );
    await page.emulateMedia({ media: 'print' });
    await page.setViewportSize({ width: 640, height: 900 });
    assert.equal(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), true, 'printed');
    await page.emulateMedia({ media: 'screen' });
    await page.setViewportSize({ width: 360, height: 800 });
    assert.equal(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), true);
  });
}

/** WCAG's contrast of each kind of text with what is behind it. */
function contrasts(page: {
  evaluate: (script: string) => Promise<unknown>;
}): Promise<Record<string, number>> {
  return page.evaluate(`(() => {
    const light = (css) => css.match(/[\\d.]+/g).slice(0, 3).map((c) => c / 255)
      .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
      .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const behind = (element) => {
      for (let at = element; at; at = at.parentElement) {
        const colour = getComputedStyle(at).backgroundColor;
        if (!/^rgba\\(.*, 0\\)$/.test(colour) && colour !== 'transparent') return colour;
      }
      return 'rgb(255, 255, 255)';
    };
    const found = {};
    for (const selector of ['h1', '.lead', '.why', 'dt', 'h2', '.soft', 'summary', 'th', 'td', 'td.delivered', 'td.pending', 'td.quarantined', 'code', 'svg text']) {
      const element = document.querySelector(selector);
      if (element === null) continue;
      const style = getComputedStyle(element);
      const [a, b] = [light(selector === 'svg text' ? style.fill : style.color), light(behind(element))];
      found[selector] = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    }
    return found;
  })()`) as Promise<Record<string, number>>;
}
