import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Encrypter, generateX25519Identity, identityToRecipient } from 'age-encryption';
import * as assert from 'uvu/assert';
import { readBackup } from '../../deploy/hub/backup/read.ts';
import { openRegister } from '../../deploy/hub/register/register.ts';
import { type TarEntry, writeTar } from '../../deploy/hub/viewing/tar.ts';
import { codeThrown } from '../support/code-thrown.ts';
import { eventually } from '../support/eventually.ts';
import { inTown, type World } from '../support/hub-case.ts';
import { serveHub } from '../support/hub-town.ts';
import { suite } from '../support/suite.ts';

const test = suite('backups of the town hall', { timeoutMs: 150_000 });

async function recipientIn(folder: string, name: string): Promise<{ file: string; recipient: string }> {
  const identity = await generateX25519Identity();
  const file = join(folder, name);
  writeFileSync(file, `${identity}\n`);
  return { file, recipient: await identityToRecipient(identity) };
}

function filesBelow(dir: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(dir.length + 1))
    .sort();
}

async function must(world: World, ...args: string[]): Promise<string> {
  const { code, out, err } = await world.run(...args);
  assert.is(code, 0, `${args[0]}: ${err}`);
  return out;
}

test('a backup of a running hub restores to a hub that goes on; footage and others’ secrets are not in it', () =>
  inTown(async (world) => {
    await world.delivered();
    // As a folder looks where nobody carried off what is his.
    mkdirSync(join(world.town.hub, 'authority'));
    writeFileSync(join(world.town.hub, 'authority', 'ca.key'), 'PRIVATE');
    const mine = await recipientIn(world.folder, 'mine.txt');
    const other = await recipientIn(world.folder, 'other.txt');
    const file = join(world.folder, 'hub.backup');
    const to = ['--for', mine.recipient, '--for', other.recipient];
    await must(world, 'backup', file, ...to);
    assert.is(statSync(file).mode & 0o777, 0o600);
    const head = readFileSync(file);
    assert.ok(head.toString('latin1').startsWith('age-encryption.org/v1'));
    assert.not.ok(head.includes('maresciallo'), 'a name in the clear');
    assert.is((await world.run('backup', file, ...to)).code, 64, 'never over a file');
    assert.is((await world.run('backup', join(world.folder, 'x'))).code, 64, 'to nobody');
    assert.equal(
      readdirSync(join(world.town.hub, 'data')).filter((name) => name.startsWith('backup-')),
      [],
    );

    const tested = JSON.parse(
      await must(world, 'backup', '--test', file, '--identity', other.file, '--allow-swap', '--json'),
    );
    assert.is(tested.policyVersion, 1);
    assert.is(tested.logs, 1);
    assert.ok(tested.registerLines >= 4, 'request, preparation, authorisation, answer');

    const restored = join(world.folder, 'restored');
    await must(world, 'restore', restored, '--from', file, '--identity', mine.file);
    const names = filesBelow(restored);
    assert.not.ok(
      names.some((name) => /\/(?:inbox|files)\/|\.mp4|\.age$|secrets\/|authority\//.test(name)),
      names.join(' '),
    );
    for (const gone of ['keys/root.key', 'keys/officer.key', 'backup.json'])
      assert.not.ok(names.includes(gone), gone);
    for (const kept of [
      'keys/hub.key',
      'keys/operator.key',
      'policy.dsse.json',
      'root.pub',
      'hub.yaml',
      'data/register.sqlite',
    ])
      assert.ok(names.includes(kept), kept);
    for (const name of names) assert.is(statSync(join(restored, name)).mode & 0o077, 0, name);

    // The hub is lost; the restored one takes its place and goes on with node and register.
    await world.hub.close();
    const before = openRegister(join(world.town.hub, 'data', 'register.sqlite'), () => 0);
    const lines = before.lines();
    before.close();
    world.hub = await serveHub(restored);
    world.node.log('after', {});
    await world.node.show(...world.node.lines);
    await world.node.checkpoint(world.node.head());
    await eventually(
      'the restored hub to cosign what came after',
      () => world.node.cosigned.at(-1)?.head.size === world.node.lines.length,
    );
    const register = join(restored, 'data', 'register.sqlite');
    const database = new DatabaseSync(register, { readOnly: true });
    assert.throws(() => database.exec('DELETE FROM line'), undefined, 'a line goes');
    const hashes = database.prepare('SELECT hash FROM line ORDER BY seq').all() as { hash: string }[];
    database.close();
    assert.ok(hashes.length >= lines.length);
    // A folder with something in it, a file, and what lies below a file.
    for (const target of [restored, mine.file, join(mine.file, 'hub')])
      assert.is(
        (await world.run('restore', target, '--from', file, '--identity', mine.file)).code,
        64,
        target,
      );
  }));

test('a backup that is cut, changed, of another or with more in it than its list is refused, and leaves nothing', () =>
  inTown(async (world) => {
    const mine = await recipientIn(world.folder, 'mine.txt');
    const other = await recipientIn(world.folder, 'other.txt');
    const file = join(world.folder, 'hub.backup');
    await must(world, 'backup', file, '--for', mine.recipient);
    const whole = readFileSync(file);
    const variant = (name: string, bytes: Uint8Array): string => {
      const path = join(world.folder, `${name}.backup`);
      writeFileSync(path, bytes);
      return path;
    };
    const flipped = Buffer.from(whole);
    flipped[whole.length - 3000] = (flipped[whole.length - 3000] as number) ^ 1;
    const secret = readFileSync(mine.file, 'utf8').trim();
    const others = readFileSync(other.file, 'utf8').trim();
    const refusal = async (path: string, identity = secret): Promise<string | undefined> => {
      const dir = join(world.folder, `dir-${randomUUID()}`);
      mkdirSync(dir);
      return await codeThrown(() => readBackup(path, identity, dir));
    };
    const cut = variant('cut', whole.subarray(0, whole.length - 100));
    assert.is(await refusal(cut), 'backup-broken');
    assert.is(await refusal(variant('flipped', flipped)), 'backup-broken');
    assert.is(await refusal(file, others), 'backup-locked');
    assert.is(await refusal(variant('noise', Buffer.from('no backup at all'))), 'backup-locked');
    assert.is(await refusal(join(world.folder, 'nowhere')), 'usage');
    const target = join(world.folder, 'restored');
    assert.is((await world.run('restore', target, '--from', cut, '--identity', mine.file)).code, 1);
    assert.equal(
      readdirSync(world.folder).filter((name) => name.endsWith('.new') || name === 'restored'),
      [],
    );

    const pack = async (entries: Record<string, string>): Promise<string> => {
      const parts: TarEntry[] = Object.entries(entries).map(([name, text]) => ({
        name,
        size: Buffer.byteLength(text),
        chunks: () => [Buffer.from(text)],
      }));
      const chunks: Uint8Array[] = [];
      for await (const chunk of writeTar(parts, 0)) chunks.push(chunk);
      const encrypter = new Encrypter();
      encrypter.addRecipient(mine.recipient);
      return variant('made', await encrypter.encrypt(Buffer.concat(chunks)));
    };
    const list = (files: unknown[]): string =>
      JSON.stringify({ version: 1, made: '2026-01-01T00:00:00.000Z', files });
    for (const [what, entries] of Object.entries({
      'a path above the folder': { '../escaped': 'x', 'backup.json': list([]) },
      'an absolute path': { '/tmp/escaped': 'x', 'backup.json': list([]) },
      'a file that the list does not name': { extra: 'x', 'backup.json': list([]) },
      'something behind the list': { 'backup.json': list([]), extra: 'x' },
      'no list': { 'hub.yaml': 'x' },
      'another list': { 'backup.json': '{"version":2}' },
    })) {
      const dir = join(world.folder, `dir-${what.replaceAll(' ', '-')}`);
      mkdirSync(dir);
      const code = await codeThrown(async () => readBackup(await pack(entries), secret, dir));
      assert.is(code, 'backup-broken', what);
      assert.not.ok(existsSync(join(world.folder, 'escaped')));
    }
  }));
