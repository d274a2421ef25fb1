import { createPrivateKey, createPublicKey } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { loadConfig } from '#agent/config/load.ts';
import { systemFiles } from '#agent/platform/files.ts';
import { parsePublicPem } from '#protocol/key.ts';
import { verifyPolicy } from '#protocol/policy.ts';
import { hubFolder } from '../../deploy/hub/settings.ts';
import { disagreements, readSites } from '../../deploy/hub/setup/sites.ts';
import { readIdentity } from '../../deploy/hub/viewing/identity.ts';
import { codeThrown } from '../support/code-thrown.ts';
import { hubCommand } from '../support/hub-town.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const selfSigned = join(import.meta.dirname, '..', 'fixtures', 'camera', 'self-signed');

const test = suite('hub init', { timeoutMs: 180_000 });

test('the town of the annexes: 16 sites, 3 relays, 43 cameras, and where the annexes disagree', () => {
  const sites = readSites();
  assert.is(sites.nodes.filter(({ role }) => role === 'site').length, 16);
  assert.is(sites.nodes.filter(({ role }) => role === 'relay').length, 3);
  assert.is(sites.nodes.flatMap(({ cameras }) => cameras).length, 43);
  assert.is(sites.nodes.flatMap(({ cameras }) => cameras).filter(({ ptz }) => ptz).length, 3);
  assert.is(
    sites.nodes.reduce((sum, node) => sum + (node.camerasAnnexB ?? 0), 0),
    41,
  );
  assert.equal(
    disagreements(sites).map((sentence) => sentence.slice(0, 7)),
    ['site-04', 'site-06'],
  );
  for (const { cameras } of sites.nodes)
    assert.equal(
      cameras.map(({ id }) => id),
      cameras.map((_, index) => `cam-${index + 1}`),
    );
});

test('makes exactly what is promised, for every node of the town, and a policy that its root signed', async () => {
  using folder = temporaryFolder();
  const dir = join(folder.path, 'hub');
  const passphrases = join(folder.path, 'passphrases');
  writeFileSync(passphrases, 'correct horse battery staple\n');
  const made = await hubCommand(['init', dir, '--passphrase-file', passphrases]);
  assert.is(made.code, 0, made.err);
  assert.match(made.out, /keys\/officer.key/);
  assert.match(made.out, /identities\/escrow.age/);
  assert.match(made.out, /keys\/root.key/);
  assert.match(made.err, /site-04/);
  assert.equal(readdirSync(dir).sort(), [
    'data',
    'hub.yaml',
    'identities',
    'keys',
    'nodes',
    'policy.dsse.json',
    'root.pub',
  ]);
  const names = ['hub', 'officer', 'operator', 'root'];
  assert.equal(
    readdirSync(join(dir, 'keys')).sort(),
    names.flatMap((name) => [`${name}.key`, `${name}.key.pub`]).sort(),
  );
  assert.equal(readdirSync(join(dir, 'identities')).sort(), ['escrow.age', 'officer.age']);
  assert.equal(readdirSync(join(dir, 'data')), []);
  assert.equal(readdirSync(folder.path).sort(), ['hub', 'passphrases']);

  const roots = parsePublicPem(readFileSync(join(dir, 'root.pub'), 'utf8'));
  const policy = verifyPolicy(readFileSync(join(dir, 'policy.dsse.json')), { roots, threshold: 1 });
  assert.is(policy.version, 1);
  assert.is(policy.nodes.length, 19);
  assert.equal(readdirSync(join(dir, 'nodes')).sort(), policy.nodes.map(({ id }) => id).sort());

  for (const name of names) {
    const pem = readFileSync(join(dir, 'keys', `${name}.key`), 'utf8');
    assert.match(pem, /ENCRYPTED PRIVATE KEY/);
    assert.throws(() => createPrivateKey({ key: pem, passphrase: 'wrong horse battery staple' }));
    const half = createPublicKey(createPrivateKey({ key: pem, passphrase: 'correct horse battery staple' }));
    assert.is(
      half.export({ type: 'spki', format: 'pem' }),
      readFileSync(join(dir, 'keys', `${name}.key.pub`), 'utf8'),
    );
  }
  const officer = await readIdentity(
    join(dir, 'identities', 'officer.age'),
    async () => 'correct horse battery staple',
  );
  assert.is(policy.recipients.find(({ role }) => role === 'officer')?.recipient, officer.recipient);
  const escrow = join(dir, 'identities', 'escrow.age');
  assert.is(
    await codeThrown(() => readIdentity(escrow, async () => 'wrong horse battery staple')),
    'identity-locked',
  );
  for (const { path, name } of readdirSync(dir, { recursive: true, withFileTypes: true }).map((entry) => ({
    name: entry.name,
    path: join(entry.parentPath, entry.name),
  })))
    assert.is(statSync(path).mode & 0o077, 0, name);

  // Nothing is there that the agent of a node would refuse but what only the box and its site have.
  for (const { id, cameras } of policy.nodes) {
    const box = join(dir, 'nodes', id);
    assert.equal(readdirSync(join(box, 'secrets')), ['node-key']);
    for (const camera of cameras) writeFileSync(join(box, 'secrets', camera), 'user:password\n');
    for (const [name, end] of [
      ['ca.crt', 'crt'],
      [`${id}.crt`, 'crt'],
      [`${id}.key`, 'key'],
    ] as const)
      copyFileSync(`${selfSigned}.${end}`, join(box, 'secrets', name));
    const config = await loadConfig(join(box, 'agent.yaml'), { files: systemFiles, env: {} });
    assert.is(config.node, id);
    assert.equal(
      config.cameras.map((camera) => camera.id),
      cameras,
    );
  }
});

test('refuses a folder with something in it, and makes nothing then', async () => {
  using folder = temporaryFolder();
  writeFileSync(join(folder.path, 'kept'), '');
  const made = await hubCommand(['init', folder.path, '--insecure-demo']);
  assert.is(made.code, 2);
  assert.equal(readdirSync(folder.path), ['kept']);
  rmSync(join(folder.path, 'kept'));
  assert.is((await hubCommand(['init', folder.path, '--insecure-demo'])).code, 0, 'an empty one is taken');
});

test('a short or missing passphrase makes nothing', async () => {
  using folder = temporaryFolder();
  const dir = join(folder.path, 'hub');
  const file = join(folder.path, 'passphrases');
  for (const text of [
    'short\n',
    '',
    'root=correct horse battery staple\nhub=correct horse battery staple\n',
  ]) {
    writeFileSync(file, text);
    assert.not.equal(
      (await hubCommand(['init', dir, '--passphrase-file', file])).code,
      0,
      JSON.stringify(text),
    );
  }
  assert.is((await hubCommand(['init', dir])).code, 64, 'nobody can be asked');
  assert.is(
    (await hubCommand(['init', dir, '--insecure-demo', '--operator', 'A', '--officer', 'A'])).code,
    64,
  );
  assert.not(existsSync(dir));
});

test('each secret may have a passphrase of its own', async () => {
  using folder = temporaryFolder();
  const dir = join(folder.path, 'hub');
  const file = join(folder.path, 'passphrases');
  const names = ['root', 'operator', 'officer', 'hub', 'officer-identity', 'escrow-identity'];
  writeFileSync(file, names.map((name) => `${name}=${name}: long enough = really\n`).join(''));
  const made = await hubCommand(['init', dir, '--passphrase-file', file, '--json']);
  assert.is(made.code, 0, made.err);
  const { carryOff, demo } = JSON.parse(made.out);
  assert.equal([demo, carryOff.root, carryOff.escrow], [false, ['keys/root.key'], ['identities/escrow.age']]);
  const pem = readFileSync(join(dir, 'keys', 'officer.key'), 'utf8');
  createPrivateKey({ key: pem, passphrase: 'officer: long enough = really' });
});

test('serve refuses while it can read what belongs to officer, escrow or root, wherever it lies', async () => {
  using folder = temporaryFolder();
  const dir = join(folder.path, 'hub');
  const file = join(folder.path, 'passphrase');
  writeFileSync(file, 'correct horse battery staple\n');
  assert.is((await hubCommand(['init', dir, '--passphrase-file', file])).code, 0);
  const refusal = async (): Promise<string> => {
    const { code, err } = await hubCommand(['serve', '--hub', dir, '--passphrase-file', file]);
    assert.is(code, 2, err);
    return err;
  };
  const moves: [string, string][] = [
    ['keys/root.key', 'root'],
    ['keys/officer.key', 'officer'],
    ['identities/officer.age', 'officer-identity'],
    ['identities/escrow.age', 'escrow'],
  ];
  for (const [path, name] of moves) {
    assert.ok((await refusal()).includes(path));
    writeFileSync(join(folder.path, name), readFileSync(join(dir, path)));
    rmSync(join(dir, path));
  }
  // Under another name, without its public half, unlocked: still what it is.
  mkdirSync(join(dir, 'nodes', 'site-01', 'old'));
  const hidden = join(dir, 'nodes', 'site-01', 'old', 'notes.txt');
  for (const [, name] of moves) {
    writeFileSync(hidden, readFileSync(join(folder.path, name)));
    assert.ok((await refusal()).includes('notes.txt'), name);
  }
  rmSync(hidden);
  // Among what the hub itself keeps, and on a medium that is only linked.
  writeFileSync(join(dir, 'data', 'copy'), readFileSync(join(folder.path, 'officer')));
  assert.ok((await refusal()).includes('data/copy'));
  rmSync(join(dir, 'data', 'copy'));
  mkdirSync(join(folder.path, 'stick'));
  writeFileSync(join(folder.path, 'stick', 'escrow.age'), readFileSync(join(folder.path, 'escrow')));
  symlinkSync(join(folder.path, 'stick'), join(dir, 'stick'));
  symlinkSync(dir, join(dir, 'round'));
  symlinkSync('nowhere', join(dir, 'lost'));
  assert.ok((await refusal()).includes('stick/escrow.age'));
  rmSync(join(dir, 'stick'));
  const officer = createPrivateKey({
    key: readFileSync(join(folder.path, 'officer')),
    passphrase: 'correct horse battery staple',
  });
  writeFileSync(hidden, officer.export({ type: 'pkcs8', format: 'pem' }));
  assert.ok((await refusal()).includes('notes.txt'));
});

test('hub.yaml with several mistakes names each, exit 78', async () => {
  using folder = temporaryFolder();
  const dir = join(folder.path, 'hub');
  const made = await hubCommand(['init', dir, '--insecure-demo', '--json']);
  assert.is(made.code, 0, made.err);
  const { confirm, ...told } = JSON.parse(made.out);
  assert.equal(told, { dir, nodes: 19, cameras: 43, demo: true, carryOff: {} });
  assert.ok(confirm.length > 0);
  const yaml = parse(readFileSync(join(dir, 'hub.yaml'), 'utf8'));
  writeFileSync(
    join(dir, 'hub.yaml'),
    JSON.stringify({ ...yaml, zone: 'Peio', more: 1, mqtt: { url: 'mqtt://user:secret@host' } }),
  );
  const { code, err } = await hubCommand(['serve', '--hub', dir]);
  assert.is(code, 78);
  for (const word of ['zone', 'more', 'mqtt.url']) assert.match(err, new RegExp(word));
  assert.not.match(err, /secret/);
  assert.is((await hubCommand(['status', '--hub', join(folder.path, 'nowhere')])).code, 69);
});

test('an empty PEIO_HUB names no hub: not the folder one happens to be in', async () => {
  assert.is(hubFolder(undefined, { PEIO_HUB: '' }), '/var/lib/peio-hub');
  assert.is(hubFolder('', { PEIO_HUB: '/srv/hub' }), '/srv/hub');
  assert.is(hubFolder('/srv/other', { PEIO_HUB: '/srv/hub' }), '/srv/other');
});
