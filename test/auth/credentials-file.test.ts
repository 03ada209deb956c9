/** Links in the place of credentials.yaml and its lock, that another user may have put there between two looks. */
import assert from 'node:assert/strict';
import { existsSync, lchownSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { readDocument, removeDocument, writeDocument } from '../../src/auth/credentials-file.ts';
import { withCredentialsLock } from '../../src/auth/store.ts';
import { NOBODY, notRoot } from '../support/cli.ts';
import { sandbox } from '../support/sandbox.ts';

const SECRET = 'cloud: {api: {key: precious}}';

/** A link to a file of ours. */
function linked(t: TestContext, name: string, owner?: number) {
  const home = sandbox(t);
  home.write('unused', '');
  const [target, link] = [join(home.home, 'target.yaml'), join(home.directory, name)];
  symlinkSync(target, link);
  if (owner !== undefined) lchownSync(link, owner, owner);
  return { directory: home.directory, target, link };
}

test('a link of another user in the place of credentials.yaml is not read, written or deleted through', {
  skip: notRoot,
}, async (t) => {
  const { target, link } = linked(t, 'credentials.yaml', NOBODY);
  writeFileSync(target, SECRET, { mode: 0o600 });
  const refused = { code: 'CREDENTIALS_UNREADABLE', message: /belongs to another user/ };
  await assert.rejects(readDocument(link), refused);
  await assert.rejects(writeDocument(link, { cloud: {} }), refused);
  assert.ok(removeDocument(link));
  assert.equal(readFileSync(target, 'utf8'), SECRET);
});

test('a link in the place of credentials.lock makes nothing where it leads', async (t) => {
  const { directory, target } = linked(t, 'credentials.lock');
  assert.equal(await withCredentialsLock(directory, 0, async () => 'done'), 'done');
  assert.ok(!existsSync(target));
});
