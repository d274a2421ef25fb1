// Formats that others have published vectors for, and our log.

import { createPublicKey } from 'node:crypto';
import * as assert from 'uvu/assert';
import { readCheckpoint, verifyCheckpoint, verifyCosigned } from '#protocol/checkpoint.ts';
import { pae, sha256 } from '#protocol/envelope.ts';
import { publicKeyOf } from '#protocol/key.ts';
import {
  consistencyProof,
  inclusionProof,
  leafHash,
  merkleRoot,
  verifyConsistency,
  verifyInclusion,
} from '#protocol/merkle.ts';
import { parseNote, verifyNote } from '#protocol/note.ts';
import { codeThrown } from '../support/code-thrown.ts';
import { suite } from '../support/suite.ts';
import { vector, vectorKey } from '../support/vector.ts';

const test = suite('protocol formats');
const hex = (list: Buffer[]): string[] => list.map((hash) => hash.toString('hex'));
const bytes = (list: string[]): Buffer[] => list.map((text) => Buffer.from(text, 'hex'));

test('DSSE pre-authentication encoding', () => {
  for (const one of vector('dsse-pae').cases)
    assert.is(pae(one.payloadType, Buffer.from(one.payload)).toString(), one.pae);
  // Lengths count bytes.
  assert.is(pae('è', Buffer.from('ü')).toString(), 'DSSEv1 2 è 2 ü');
});

test('RFC 6962 roots and proofs', () => {
  const { entries, roots, inclusion, consistency } = vector('rfc6962');
  const leaves = bytes(entries).map(leafHash);
  const root = (size: number): Buffer => Buffer.from(roots[size], 'hex');
  for (const size of roots.keys()) assert.is(merkleRoot(leaves.slice(0, size)).toString('hex'), roots[size]);
  for (const { index, size, proof } of inclusion) {
    assert.equal(hex(inclusionProof(leaves.slice(0, size), index)), proof);
    assert.ok(verifyInclusion(leaves[index]!, index, size, bytes(proof), root(size)));
  }
  for (const { from, to, proof } of consistency) {
    assert.equal(hex(consistencyProof(leaves.slice(0, to), from)), proof);
    assert.ok(verifyConsistency(from, root(from), to, root(to), bytes(proof)));
  }
});

test('C2SP signed note', async () => {
  const { key, text, note } = vector('signed-note');
  const [name, , encoded] = key.split(/\+(.*?)\+/);
  const raw = Buffer.from(encoded, 'base64').subarray(1);
  const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), raw]);
  const publicKey = publicKeyOf(createPublicKey({ key: spki, format: 'der', type: 'spki' }));
  assert.is(verifyNote(parseNote(note), name, publicKey), text);
  assert.is(await codeThrown(() => verifyNote(parseNote(note), 'Another', publicKey)), 'note-signature');
  const edited = parseNote(note.replace('answer', 'ansver'));
  assert.is(await codeThrown(() => verifyNote(edited, name, publicKey)), 'note-signature');
});

test("a log, its head and the hub's answer", async () => {
  const { keys, node, lines, checkpoint, cosigned, statement, at } = vector('log');
  const nodeKey = vectorKey(keys.node);
  const hubKey = vectorKey(keys.hub);
  for (const [index, line] of lines.entries())
    assert.is(JSON.parse(line).prev, index === 0 ? '' : sha256(lines[index - 1]));
  const head = verifyCheckpoint(node, checkpoint, nodeKey);
  assert.is(head.size, lines.length);
  assert.ok(head.root.equals(merkleRoot(lines.map((line: string) => leafHash(line)))));
  assert.is(head.policyHash, sha256(vector('policies').inForce));
  const answer = verifyCosigned(node, cosigned, nodeKey, hubKey);
  assert.equal(answer.statement, statement);
  assert.is(answer.at, Date.parse(at));
  assert.is(readCheckpoint(node, cosigned).size, lines.length);

  const refused = (work: () => unknown) => codeThrown(work);
  assert.is(await refused(() => verifyCheckpoint('site-10', checkpoint, nodeKey)), 'note-signature');
  assert.is(await refused(() => verifyCheckpoint(node, checkpoint, hubKey)), 'note-signature');
  assert.is(await refused(() => verifyCosigned(node, cosigned, hubKey, hubKey)), 'note-signature');
  assert.is(await refused(() => verifyCosigned(node, cosigned, nodeKey, nodeKey)), 'note-signature');
  assert.is(await refused(() => verifyCosigned(node, checkpoint, nodeKey, hubKey)), 'note-malformed');
  const other = cosigned.replace(/policy 6\nregister/, 'policy 7\nregister');
  assert.is(await refused(() => verifyCosigned(node, other, nodeKey, hubKey)), 'note-signature');
  const later = cosigned.replace(
    /time (\d+)\n\n/,
    (_: string, time: string) => `time ${Number(time) + 1}\n\n`,
  );
  assert.is(await refused(() => verifyCosigned(node, later, nodeKey, hubKey)), 'note-signature');
});
