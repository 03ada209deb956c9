/** A login in a real browser: Debian's Chromium, without a window. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { type Browser, chromium, type Page } from 'playwright-core';
import { UNTRACKED } from '../../support/cli.ts';
import { startLogin, storedCredentials } from '../../support/login.ts';
import { world } from '../../support/world.ts';

const BROWSERS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const executablePath = BROWSERS.find((path) => existsSync(path));
const skip =
  executablePath === undefined &&
  `no browser is installed (looked for ${BROWSERS.join(', ')}): apt-get install chromium`;
if (skip !== false) console.error(`The login in a real browser is not tested: ${skip}.`);

async function openPage(t: TestContext): Promise<{ page: Page; complaints: string[] }> {
  // Chromium's own sandbox does not work for root or in most containers; these pages are ours.
  const browser: Browser = await chromium.launch({
    executablePath: executablePath ?? '',
    args: ['--no-sandbox'],
  });
  t.after(() => browser.close());
  const page = await browser.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    // A page's missing icon is no complaint of the page.
    if (!message.location().url.endsWith('/favicon.ico')) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  return { page, complaints };
}

test('`login` in a real browser shows a page that says it worked', { skip }, async (t) => {
  const { home, arcade } = await world(t, { idTokenIssuer: 'https://login.example.test' });
  const user = arcade.user('B');
  const login = await startLogin(home, arcade, [], { env: UNTRACKED });
  const { page, complaints } = await openPage(t);
  // What browsers ask for on their own.
  await page.goto(new URL('/favicon.ico', login.callback).href);
  complaints.length = 0;
  await page.goto(login.url);
  await page.getByRole('button', { name: `Sign in as ${user.email}` }).click();
  await page.getByRole('heading', { name: 'Login successful' }).waitFor();
  assert.equal(await page.title(), 'Login successful - Arcade CLI');
  assert.equal(await page.evaluate("getComputedStyle(document.querySelector('h1')).fontSize"), '24px');
  assert.deepEqual(complaints, [], 'the policy of the page lets its own style in');
  const ran = await login.ended;
  assert.equal(ran.exitCode, 0, ran.stderr);
  assert.equal(storedCredentials(home).cloud.user.email, user.email);
});

// What a server says is never markup there: failures.test.ts.
test('`login` declined in a real browser shows a page that says nothing happened', { skip }, async (t) => {
  const { home, arcade } = await world(t);
  const login = await startLogin(home, arcade, [], { env: UNTRACKED });
  const { page, complaints } = await openPage(t);
  await page.goto(login.url);
  complaints.length = 0;
  await page.getByRole('button', { name: 'Deny' }).click();
  await page.getByRole('heading', { name: 'Login failed' }).waitFor();
  assert.match((await page.locator('p').textContent()) ?? '', /The request was denied/);
  assert.equal((await login.ended).exitCode, 1);
});
