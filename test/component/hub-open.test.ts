import { spawn } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import * as assert from 'uvu/assert';
import { signNote } from '#protocol/note.ts';
import { readPackage } from '../../deploy/hub/viewing/package-file.ts';
import { verifyPackage } from '../../deploy/hub/viewing/verify.ts';
import { eventually } from '../support/eventually.ts';
import { parseFragmentedMp4 } from '../support/fragmented-mp4.ts';
import {
  caseFolder,
  inShortTown,
  inTown,
  officerIdentity,
  registerLines,
  type World,
} from '../support/hub-case.ts';
import type { SealedSegment } from '../support/hub-segments.ts';
import { suite } from '../support/suite.ts';

const test = suite('opening, packing, verifying', { timeoutMs: 120_000 });

const main = join(import.meta.dirname, '..', '..', 'deploy', 'hub', 'main.ts');

async function packed(world: World, id: string): Promise<{ file: string; identity: string; root: string }> {
  const secret = await generateX25519Identity();
  const identity = join(world.folder, 'requester.identity');
  writeFileSync(identity, `# a requester\n${secret}\n`);
  const file = join(world.folder, 'copy.tar.age');
  const made = await world.run(
    ...['open', id, '--identity', officerIdentity(world), '--pack', file],
    ...['--for', await identityToRecipient(secret)],
  );
  assert.is(made.code, 0, made.err);
  return { file, identity, root: join(world.town.hub, 'root.pub') };
}

async function unpacked(
  world: World,
  { file, identity }: { file: string; identity: string },
): Promise<string> {
  const folder = join(world.folder, 'unpacked');
  mkdirSync(folder);
  const secret = (readFileSync(identity, 'utf8').split('\n')[1] ?? '').trim();
  await readPackage(file, folder, { identity: async () => secret, passphrase: async () => '' });
  return folder;
}

test('clear pictures are in RAM while the command runs, and gone after Enter, an interrupt, a kill or the closing of the case', () =>
  inTown(async (world) => {
    const id = await world.delivered();
    const open = () => {
      const args = ['open', id, '--identity', officerIdentity(world), '--json', '--hub', world.town.hub];
      const child = spawn(process.execPath, [main, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
      let out = '';
      child.stdout.on('data', (chunk: Buffer) => {
        out += chunk.toString();
      });
      const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
      const shown = (): Promise<{ folder: string; files: { path: string }[] }> =>
        eventually('the film', () => (out.endsWith('\n') ? JSON.parse(out) : undefined));
      return { child, ended, shown };
    };
    const first = open();
    const { folder, files } = await first.shown();
    assert.ok(folder.startsWith('/dev/shm/'));
    assert.is(statSync(folder).mode & 0o777, 0o700);
    assert.is(statSync(files[0]?.path ?? '').mode & 0o777, 0o600);
    const frames = parseFragmentedMp4(readFileSync(files[0]?.path ?? '')).fragments.flatMap(
      ({ samples }) => samples,
    );
    assert.ok(frames.length > 20);
    first.child.stdin.write('\n');
    assert.is(await first.ended, 0);
    assert.not(existsSync(folder));

    const second = open();
    const interrupted = (await second.shown()).folder;
    second.child.kill('SIGINT');
    await second.ended;
    assert.not(existsSync(interrupted));

    const third = open();
    const killed = (await third.shown()).folder;
    third.child.kill('SIGKILL');
    await third.ended;
    await eventually('its guard to remove it', () => !existsSync(killed));

    // Killed together with its guard: nobody was there to remove it, and the next one does.
    mkdirSync(killed, { mode: 0o700 });
    writeFileSync(join(killed, 'film.mp4'), 'clear');
    assert.is((await world.run('open', id, '--identity', officerIdentity(world), '--once')).code, 0);
    assert.not(existsSync(killed));

    const fourth = open();
    try {
      const seen = (await fourth.shown()).folder;
      assert.is((await world.run('close', id)).code, 0);
      await eventually('who still looks to see the case end', () => fourth.child.exitCode !== null);
      assert.is(fourth.child.exitCode, 0);
      assert.not(existsSync(seen));
    } finally {
      fourth.child.kill('SIGKILL');
    }
  }));

test('a folder on a disk is refused before anything is noted or opened', () =>
  inTown(async (world) => {
    const id = await world.delivered();
    const disk = join(import.meta.dirname, '..');
    const refused = await world.run(
      'open',
      id,
      '--identity',
      officerIdentity(world),
      '--once',
      '--out',
      disk,
    );
    assert.is(refused.code, 2);
    assert.not((await registerLines(world)).some(({ kind }) => kind === 'opened'));
  }));

test('an identity that is no recipient opens nothing, and an incomplete case neither', () =>
  inTown(async (world) => {
    const id = await world.granted();
    assert.is((await world.run('open', id, '--identity', officerIdentity(world), '--once')).code, 2);
    const done = await world.delivered();
    const stranger = join(world.folder, 'stranger');
    writeFileSync(stranger, `${await generateX25519Identity()}\n`);
    assert.is((await world.run('open', done, '--identity', stranger, '--once')).code, 2);
    assert.is((await world.run('open', done, '--identity', join(world.folder, 'none'), '--once')).code, 78);
    assert.not((await registerLines(world)).some(({ kind }) => kind === 'opened'));
    const escrow = join(world.town.hub, 'identities', 'escrow.age');
    assert.is((await world.run('open', done, '--identity', escrow, '--once')).code, 0);
    assert.is((await registerLines(world)).find(({ kind }) => kind === 'opened')?.['role'], 'escrow');
  }));

test('bytes that changed at the hub are not shown', () =>
  inTown(async (world) => {
    const id = await world.delivered();
    const file = join(caseFolder(world, id), 'files', (world.segments[0] as SealedSegment).name);
    const bytes = readFileSync(file);
    bytes[bytes.length - 30] = (bytes[bytes.length - 30] as number) ^ 1;
    writeFileSync(file, bytes);
    assert.is((await world.run('open', id, '--identity', officerIdentity(world), '--once')).code, 1);
    assert.is((await world.run('verify', caseFolder(world, id))).code, 1);
    rmSync(file);
    assert.is((await world.run('verify', caseFolder(world, id), '--json')).code, 1);
  }));

test('a package says what it is, and verifies without the hub', () =>
  inTown(async (world) => {
    const id = await world.delivered();
    const pack = await packed(world, id);
    await world.hub.close();
    const { file, identity, root } = pack;
    const checked = await world.run('verify', file, '--identity', identity, '--root', root, '--json');
    assert.is(checked.code, 0, checked.err);
    const { ok, checks } = JSON.parse(checked.out);
    assert.ok(ok);
    assert.equal(
      checks.map(({ what }: { what: string }) => what),
      ['policy', 'evidence', 'contents', 'files', 'minutes', 'proof'],
    );
    const folder = await unpacked(world, pack);
    assert.equal(readdirSync(folder).sort(), [
      'LEGGIMI.txt',
      'command.dsse.json',
      'contents.txt',
      'manifest.dsse.json',
      'policy.dsse.json',
      'proof.json',
      'verbale.json',
      'verbale.pdf',
      'viewing.json',
      'viewing.mp4',
    ]);
    const readMe = readFileSync(join(folder, 'LEGGIMI.txt'), 'utf8');
    assert.match(readMe, /Telecamera cam-1, Polo scolastico \(site-01\/cam-1\)/);
    assert.match(readMe, /2026-01-15T10:00:00.000Z/);
    assert.is((await world.run('verify', folder, '--root', root)).code, 0);

    const { serveHub } = await import('../support/hub-town.ts');
    world.hub = await serveHub(world.town.hub);
    const line = (await registerLines(world)).find(({ kind }) => kind === 'packaged');
    assert.is((line?.['files'] as unknown[] | undefined)?.length, 9);
  }));

test('whatever is changed in a package is found', () =>
  inTown(async (world) => {
    const id = await world.delivered();
    const pack = await packed(world, id);
    const folder = await unpacked(world, pack);
    const failing = async (): Promise<string | undefined> => {
      const bad = (await verifyPackage(folder, pack.root)).find(({ ok }) => !ok);
      return bad && `${bad.what}/${bad.code}`;
    };
    assert.is(await failing(), undefined);
    const changed = async (name: string, change: (text: string) => string): Promise<string | undefined> => {
      const path = join(folder, name);
      const before = readFileSync(path, 'latin1');
      writeFileSync(path, change(before), 'latin1');
      const found = await failing();
      writeFileSync(path, before, 'latin1');
      return found;
    };
    const otherSignature = (text: string): string =>
      text.replace(/(?<="sig":")./, (digit) => (digit === 'A' ? 'B' : 'A'));
    const flip = (text: string): string =>
      text.slice(0, -40) + (text.at(-40) === 'A' ? 'B' : 'A') + text.slice(-39);
    assert.is(await changed('viewing.mp4', flip), 'files/files-differ');
    assert.is(await changed('LEGGIMI.txt', flip), 'files/files-differ');
    assert.is(await changed('viewing.json', flip), 'files/files-differ');
    assert.is(
      await changed('proof.json', (text) => text.replace('"seq": 1', '"seq": 2')),
      'files/files-differ',
    );
    assert.is(
      await changed('contents.txt', (text) =>
        text.replace(/[0-9a-f]{64} {2}viewing.mp4/, `${'0'.repeat(64)}  viewing.mp4`),
      ),
      'contents/note-signature',
    );
    assert.is(await changed('contents.txt', () => 'nothing'), 'contents/note-malformed');
    assert.match(
      (await changed('manifest.dsse.json', (text) => text.replace(/"payload":"../, '"payload":"eZ'))) ?? '',
      /^evidence\//,
    );
    assert.match((await changed('command.dsse.json', (text) => otherSignature(text))) ?? '', /^evidence\//);
    const oneSignature = (text: string): string => {
      const envelope = JSON.parse(text);
      return JSON.stringify({ ...envelope, signatures: envelope.signatures.slice(0, 1) });
    };
    assert.is(await changed('command.dsse.json', oneSignature), 'evidence/missing-signature');
    assert.match((await changed('policy.dsse.json', (text) => otherSignature(text))) ?? '', /^policy\//);
    writeFileSync(join(folder, 'more.txt'), 'x');
    assert.is(await failing(), 'files/files-differ');
    rmSync(join(folder, 'more.txt'));
    rmSync(join(folder, 'viewing.json'));
    assert.is(await failing(), 'files/files-differ');
    assert.is((await world.run('verify', folder, '--root', pack.root)).code, 1);
  }));

test('a proof of another line, or contents signed by somebody else, prove nothing', () =>
  inTown(async (world) => {
    const id = await world.delivered();
    const pack = await packed(world, id);
    const folder = await unpacked(world, pack);
    const contents = readFileSync(join(folder, 'contents.txt'), 'utf8');
    const text = contents.slice(0, contents.lastIndexOf('\n\n') + 1);
    const operator = createPrivateKey(readFileSync(join(world.town.hub, 'keys', 'operator.key')));
    writeFileSync(join(folder, 'contents.txt'), signNote(text, 'peio/v1/hub', operator));
    const { code, out } = await world.run('verify', folder, '--root', pack.root, '--json');
    assert.is(code, 1);
    assert.is(JSON.parse(out).checks.at(-1).code, 'note-signature');
  }));

test('a line about other bytes under the same id proves nothing of this command', () =>
  inShortTown(async (world) => {
    world.accept = async (id) => {
      await world.node.show(world.node.log('command-accepted', { id, hash: '0'.repeat(64) }));
      await world.node.checkpoint(world.node.head());
      await eventually('a cosignature', () => world.node.cosigned.at(-1));
      await world.node.status({ id, version: 1, state: 'accepted', auditSeq: world.node.lines.length });
    };
    const pack = await packed(world, await world.delivered());
    const bad = (await verifyPackage(await unpacked(world, pack), pack.root)).find(({ ok }) => !ok);
    assert.is(`${bad?.what}/${bad?.code}`, 'proof/proof-invalid');
  }));

test('a ZIP opens with the passphrase that is shown, and with no other', () =>
  inTown(async (world) => {
    const id = await world.delivered();
    const file = join(world.folder, 'copy.zip');
    const made = await world.run(
      'open',
      id,
      '--identity',
      officerIdentity(world),
      '--pack',
      file,
      '--zip',
      '--json',
    );
    assert.is(made.code, 0, made.err);
    const { passphrase } = JSON.parse(made.out);
    assert.match(passphrase, /^([a-z2-9]{4}-){5}[a-z2-9]{4}$/);
    const right = join(world.folder, 'right');
    const wrong = join(world.folder, 'wrong');
    writeFileSync(right, `${passphrase}\n`);
    writeFileSync(wrong, `${passphrase}x\n`);
    assert.is((await world.run('verify', file, '--passphrase-file', right)).code, 0);
    assert.is((await world.run('verify', file, '--passphrase-file', wrong)).code, 2);
    const film = world.segments[0]?.clear ?? Buffer.alloc(0);
    const at = film.indexOf('avcC');
    assert.ok(at > 0);
    assert.is(readFileSync(file).includes(film.subarray(at, at + 16)), false);
    const again = await world.run('open', id, '--identity', officerIdentity(world), '--pack', file, '--zip');
    assert.is(again.code, 64, 'nothing is replaced');
    const lost = join(world.folder, 'nowhere', 'copy.zip');
    const nowhere = await world.run(
      ...['open', id, '--identity', officerIdentity(world), '--pack', lost, '--zip'],
    );
    assert.is(nowhere.code, 64);
    const lines = await registerLines(world);
    assert.equal(
      lines.map(({ kind }) => kind).filter((kind) => kind === 'opened' || kind === 'packaged'),
      ['opened', 'packaged'],
      'and nothing is noted of what did not happen',
    );
    assert.not.match(JSON.stringify(lines), new RegExp(passphrase));
    assert.equal(
      readdirSync(world.folder).filter((name) => name.endsWith('.part')),
      [],
    );
  }));
