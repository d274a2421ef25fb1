import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import * as assert from 'uvu/assert';
import { sha256 } from '#protocol/envelope.ts';
import { instantText } from '#protocol/time.ts';
import { openClient } from '../../deploy/hub/cli/client.ts';
import { verifyMinutes } from '../../deploy/hub/minutes/minutes.ts';
import { readTrusted } from '../../deploy/hub/trust.ts';
import { readPackage } from '../../deploy/hub/viewing/package-file.ts';
import { codeThrown } from '../support/code-thrown.ts';
import {
  caseFolder,
  inTown,
  officerIdentity,
  registerLines,
  start,
  type World,
} from '../support/hub-case.ts';
import { suite } from '../support/suite.ts';

const test = suite('minutes', { timeoutMs: 120_000 });

const none = { films: [], stills: [], incomplete: [] };

/** A package with its minutes, unpacked. */
async function unpacked(world: World, id: string): Promise<string> {
  const secret = await generateX25519Identity();
  const file = join(world.folder, 'copy.tar.age');
  const made = await world.run(
    ...['open', id, '--identity', officerIdentity(world), '--with', 'Luca Verdi', '--pack', file],
    ...['--for', await identityToRecipient(secret)],
  );
  assert.is(made.code, 0, made.err);
  const folder = join(world.folder, 'unpacked');
  mkdirSync(folder);
  await readPackage(file, folder, { identity: async () => secret, passphrase: async () => '' });
  return folder;
}

/** JPEGs are in a PDF as they are. */
function picturesIn(pdf: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = pdf.indexOf('/Filter /DCTDecode'); at >= 0; at = pdf.indexOf('/Filter /DCTDecode', at + 1)) {
    const from = pdf.indexOf('stream\n', at) + 'stream\n'.length;
    found.push(pdf.subarray(from, pdf.indexOf('\nendstream', from)));
  }
  return found;
}

test('a package holds the minutes, as PDF and signed by the hub, and they say what was done', () =>
  inTown(async (world) => {
    const id = await world.delivered();
    const folder = await unpacked(world, id);
    const verified = await world.run('verify', folder, '--root', join(world.town.hub, 'root.pub'));
    assert.is(verified.code, 0, verified.out);

    const { policy, hash } = readTrusted(world.town.hub);
    const signed = readFileSync(join(folder, 'verbale.json'));
    const minutes = verifyMinutes(signed, [policy.hub.key]);
    assert.is(minutes.case, id);
    assert.is(minutes.record.protocol, '77/2026');
    assert.equal(minutes.opening.present, ['Luca Verdi']);
    assert.equal(
      minutes.signatures.map(({ what }) => what),
      ['operator', 'officer', 'node', 'hub'],
    );
    assert.is(minutes.from, start);
    assert.equal(
      minutes.files.map(({ sha256: one }) => one),
      world.segments.map(({ listed }) => listed.sha256),
    );
    assert.is(minutes.evidence.policy, hash);
    for (const part of ['command', 'manifest'] as const)
      assert.is(minutes.evidence[part], sha256(readFileSync(join(folder, `${part}.dsse.json`))));
    for (const { name, sha256: one } of minutes.made.films)
      assert.is(one, sha256(readFileSync(join(folder, name))));

    const pdf = readFileSync(join(folder, 'verbale.pdf'));
    assert.is(pdf.toString('latin1', 0, 8), '%PDF-1.7');
    assert.ok(pdf.includes('<pdfaid:part>2</pdfaid:part>'));
    assert.equal(
      picturesIn(pdf).map((picture) => sha256(picture)),
      minutes.made.stills.map(({ sha256: one }) => one),
    );
    assert.is(minutes.made.stills.length, 1);

    const line = (await registerLines(world)).find(({ kind }) => kind === 'minutes');
    assert.is(line?.['sha256'], sha256(signed));
    assert.is(line?.['line'], minutes.opening.line);
  }));

test('closing keeps them, without a picture, and what was changed since is not shown', () =>
  inTown(async (world) => {
    const id = await world.delivered();
    assert.is((await world.run('open', id, '--identity', officerIdentity(world), '--once')).code, 0);
    assert.is((await world.run('close', id)).code, 0);
    const folder = caseFolder(world, id);
    for (const name of readdirSync(folder)) {
      assert.ok(statSync(join(folder, name)).isFile(), `${name}: footage stays`);
      assert.not(readFileSync(join(folder, name)).includes(Buffer.from([0xff, 0xd8, 0xff])), name);
    }
    const out = join(world.folder, 'verbale.pdf');
    const written = await world.run('minutes', id, '--out', out);
    assert.is(written.code, 0, written.err);
    const pdf = readFileSync(out);
    assert.is(pdf.toString('latin1', 0, 5), '%PDF-');
    assert.equal(picturesIn(pdf), []);
    assert.is((await world.run('minutes', id, '--out', out)).code, 64, 'nothing is replaced');

    const kept = join(folder, readdirSync(folder).find((name) => name.startsWith('verbale-')) ?? '');
    writeFileSync(kept, readFileSync(kept, 'utf8').replace('"sig":"', '"sig":"A'));
    assert.is(
      await codeThrown(() => openClient(world.town.hub).get('GET /minutes', { id })),
      'minutes-broken',
    );
  }));

test('they are made of an opening in the register, once', () =>
  inTown(async (world) => {
    const id = await world.delivered();
    const client = openClient(world.town.hub);
    const ask = (line: number) => client.post('minutes', { by: 'x', id, line, made: none });
    assert.is(await codeThrown(() => ask(1)), 'unknown-opening');
    const recipient = readTrusted(world.town.hub).policy.recipients[0]?.recipient ?? '';
    const { seq } = await client.post('view', { by: 'x', id, recipient, present: [], swap: false });
    const { envelope } = await ask(seq);
    assert.is(await codeThrown(() => ask(seq)), 'minutes-made');
    const { policy } = readTrusted(world.town.hub);
    assert.is(instantText(verifyMinutes(Buffer.from(envelope), [policy.hub.key]).from), instantText(start));
    assert.is(await codeThrown(() => verifyMinutes(Buffer.from(envelope), [])), 'bad-signature');
  }));
