import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import * as assert from 'uvu/assert';
import { enrolCommand } from '#agent/cli/enrol.ts';
import { takeAnswer } from '#agent/enrol/answer.ts';
import { certificateRequest } from '#agent/enrol/keys.ts';
import { makeRequest, placeBundle } from '#agent/enrol/request.ts';
import { systemFiles } from '#agent/platform/files.ts';
import { readRequest, type Secrets, sealSecrets, signAnswer, signRequest } from '#protocol/enrolment.ts';
import { parseJson, payloadTypes, signEnvelope } from '#protocol/envelope.ts';
import { publicKeyOf } from '#protocol/key.ts';
import { type PolicyPayload, parsePolicy } from '#protocol/policy.ts';
import { instantText } from '#protocol/time.ts';
import { type Authority, initAuthority, openAuthority } from '../../deploy/hub/authority/authority.ts';
import { admitRequest, answerTo, policyWith, secretsIn } from '../../deploy/hub/authority/enrol.ts';
import { placeServers } from '../../deploy/hub/authority/trust-files.ts';
import { openRegister } from '../../deploy/hub/register/register.ts';
import { foreignSecrets } from '../../deploy/hub/server/strangers.ts';
import { readSettings } from '../../deploy/hub/settings.ts';
import { makeBundle } from '../../deploy/hub/setup/bundle.ts';
import { openKey, readTrusted } from '../../deploy/hub/trust.ts';
import { codeThrown } from '../support/code-thrown.ts';
import { commandsOf, editYaml } from '../support/enrolled-town.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { makeTown, type Town } from '../support/town.ts';

const test = suite('enrolment', { timeoutMs: 120_000 });
const now = Date.UTC(2026, 5, 1);

interface Rig {
  folder: string;
  town: Town;
  authority: Authority;
  root: KeyObject;
  bundle: string;
  /** The configuration of a box that has nothing else yet. */
  config: string;
  /** Granted as `hub enrol` grants it; the answer's file. */
  grant(request: string, secrets?: Secrets, replace?: boolean): Promise<Buffer>;
  request(config?: string): Promise<string>;
}

async function inRig(body: (rig: Rig) => Promise<void>): Promise<void> {
  using folder = temporaryFolder();
  const town = await makeTown(folder.path, {
    mqtt: 'mqtts://10.0.0.1:8883',
    upload: 'https://10.0.0.1:8443/upload',
    cameras: [{ id: 'cam-1', rtsp: 'rtsp://10.0.1.11/a', credentials: { user: 'a', password: 'b' } }],
  });
  const ca = join(town.hub, 'authority');
  const authority = await initAuthority(ca, { name: 'Comune', passphrase: undefined, utc: () => now });
  await placeServers(town.hub, authority, ['10.0.0.1']);
  const root = openKey(join(town.hub, 'keys', 'root.key'), undefined);
  const settings = readSettings(town.hub);
  const given = { settings, trusted: readTrusted(town.hub), out: join(folder.path, 'stick'), utcMs: now };
  const bundle = makeBundle(town.node, given);
  const config = join(folder.path, 'box', 'agent.yaml');
  const rig: Rig = {
    folder: folder.path,
    town,
    authority,
    root,
    bundle,
    config,
    async request(of = config) {
      await placeBundle(systemFiles, bundle, of);
      return (await makeRequest(systemFiles, of, { credentials: undefined, utcMs: now })).text;
    },
    async grant(request, secrets, replace = false) {
      const trusted = readTrusted(town.hub);
      const admitted = await admitRequest(Buffer.from(request), { authority, trusted, settings, replace });
      const policy = policyWith([admitted], { trusted, settings, roots: [root], utcMs: now });
      if (policy !== undefined) writeFileSync(join(town.hub, 'policy.dsse.json'), policy);
      const { envelope } = readTrusted(town.hub);
      const { text } = await answerTo(admitted, {
        authority,
        policy: envelope,
        roots: [root],
        secrets,
        utcMs: now,
      });
      return Buffer.from(text);
    },
  };
  await body(rig);
}

const take = (rig: Rig, answer: Buffer, config = rig.config) =>
  takeAnswer(systemFiles, config, answer, undefined);

/** Names and bytes of everything below a folder. */
function picture(dir: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => `${path} ${readFileSync(path, 'base64')}`);
}

test('asked twice, the keys and the request are the same; the answer can be taken in twice', () =>
  inRig(async (rig) => {
    const first = await rig.request();
    assert.is(await rig.request(), first);
    const answer = await rig.grant(first, { 'cam-1': 'rec:a' });
    const taken = await take(rig, answer);
    assert.equal(taken.missing, []);
    assert.is(taken.policyVersion, 2);
    const box = picture(join(rig.folder, 'box'));
    await take(rig, answer);
    assert.equal(picture(join(rig.folder, 'box')), box);
    // The same request again is a new certificate, and no new policy.
    const again = await rig.grant(first);
    assert.is((await take(rig, again)).policyVersion, 2);
    assert.is(rig.authority.standing(rig.town.node).length, 2);
    // After months it is another request by the same box.
    const later = { credentials: undefined, utcMs: now + 800 * 86_400_000 };
    const renewed = await makeRequest(systemFiles, rig.config, later);
    const [old, fresh] = [first, renewed.text].map((text) => readRequest(Buffer.from(text)));
    assert.is(fresh?.nodeKey.id, old?.nodeKey.id);
    assert.is.not(fresh?.hash, old?.hash);
  }));

test('an answer that is not for this box, or not by its roots, changes nothing', () =>
  inRig(async (rig) => {
    const request = await rig.request();
    const good = await rig.grant(request, { 'cam-1': 'rec:a' });
    const before = picture(join(rig.folder, 'box'));
    const payload = parseJson(
      Buffer.from((parseJson(good) as { payload: string }).payload, 'base64'),
    ) as Record<string, unknown>;
    const stranger = generateKeyPairSync('ed25519').privateKey;
    const signed = (change: Record<string, unknown>, by: KeyObject = rig.root): Buffer =>
      Buffer.from(signAnswer({ ...payload, ...change } as never, [by]));
    const other = join(rig.folder, 'other', 'agent.yaml');
    const othersAnswer = await rig.grant(await rig.request(other), undefined, true);
    const othersCertificate = JSON.parse(
      Buffer.from((JSON.parse(othersAnswer.toString()) as { payload: string }).payload, 'base64').toString(),
    ).certificate as string;
    const otherAuthority = await initAuthority(join(rig.folder, 'ca-2'), {
      name: 'Comune',
      passphrase: undefined,
      utc: () => now,
    });
    const someone = await identityToRecipient(await generateX25519Identity());
    const mine = readRequest(Buffer.from(request)).recipient;
    const sealed = async (secrets: Secrets, to: string): Promise<string> =>
      (await sealSecrets(secrets, to)).toString('base64');
    const old = readFileSync(join(rig.bundle, 'policy.dsse.json'), 'utf8');
    for (const [what, answer, code] of [
      ['noise', Buffer.from('no answer'), 'malformed'],
      ['signed by a stranger', signed({}, stranger), 'bad-signature'],
      ['for another node', signed({ node: 'site-02' }), 'other-node'],
      ['to another request', signed({ request: 'ab'.repeat(32) }), 'other-request'],
      ["another box's", othersAnswer, 'other-request'],
      ["another box's certificate", signed({ certificate: othersCertificate }), 'other-certificate'],
      ['another authority', signed({ authority: otherAuthority.certificate }), 'other-certificate'],
      ['a policy without this key', signed({ policy: old }), 'other-key'],
      ['no policy', signed({ policy: '{}' }), 'policy-malformed'],
      ['secrets of another box', signed({ secrets: await sealed({ a: 'b' }, someone) }), 'secrets-locked'],
      ['a key among the secrets', signed({ secrets: await sealed({ 'node-key': 'x' }, mine) }), 'malformed'],
      [
        'an envelope of another type',
        Buffer.from(signEnvelope(payloadTypes.policy, Buffer.from(JSON.stringify(payload)), [rig.root])),
        'malformed',
      ],
    ] as const) {
      assert.is(await codeThrown(() => take(rig, answer)), code, what);
      assert.equal(picture(join(rig.folder, 'box')), before, what);
    }
    await take(rig, good);
  }));

test('a request that does not hold together is refused, and grants nothing', () =>
  inRig(async (rig) => {
    const settings = readSettings(rig.town.hub);
    const trusted = readTrusted(rig.town.hub);
    const { privateKey } = generateKeyPairSync('ed25519');
    const tls = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey;
    const made = async (
      change: Record<string, unknown> = {},
      named = rig.town.node,
      by: KeyObject = privateKey,
    ): Promise<Buffer> =>
      Buffer.from(
        signRequest(
          {
            version: 1,
            node: rig.town.node,
            nodeKey: publicKeyOf(privateKey).spki,
            certificateRequest: await certificateRequest(named, tls),
            recipient: await identityToRecipient(await generateX25519Identity()),
            at: instantText(now),
            ...change,
          },
          by,
        ),
      );
    const flip = (pem: string): string => {
      const lines = pem.split('\n');
      const der = Buffer.from(lines.slice(1, -2).join(''), 'base64');
      der[der.length - 5] = (der[der.length - 5] as number) ^ 1;
      return `${lines[0]}\n${der.toString('base64')}\n${lines.at(-2)}\n`;
    };
    const stranger = generateKeyPairSync('ed25519').privateKey;
    const taken = trusted.policy.nodes[0]?.key.spki;
    for (const [what, bytes, code] of [
      ['noise', Buffer.from('{}'), 'malformed'],
      ['a megabyte', Buffer.alloc(1 << 20, 0x20), 'too-large'],
      ['signed by another key', await made({}, undefined, stranger), 'bad-signature'],
      ['another version', await made({ version: 2 }), 'malformed'],
      ['a node nobody knows', await made({ node: 'site-77' }, 'site-77'), 'unknown-node'],
      ["the hub's name", await made({}, 'hub'), 'request-malformed'],
      ["another node's name", await made({}, 'site-02'), 'request-malformed'],
      [
        'a certificate request whose signature is another',
        await made({ certificateRequest: flip(await certificateRequest(rig.town.node, tls)) }),
        'request-malformed',
      ],
      ['no recipient', await made({ recipient: 'age1' }), 'malformed'],
      ['a key that it does not hold', await made({ nodeKey: taken }), 'bad-signature'],
    ] as const)
      assert.is(
        await codeThrown(() =>
          admitRequest(bytes, { authority: rig.authority, trusted, settings, replace: true }),
        ),
        code,
        what,
      );
    assert.equal(rig.authority.standing(rig.town.node), []);
    assert.is(readTrusted(rig.town.hub).policy.version, 1);
  }));

test('another box takes a place only when that is meant; the one before loses its certificate, a stolen one its place', () =>
  inRig(async (rig) => {
    const first = await rig.request();
    await rig.grant(first);
    const other = join(rig.folder, 'other', 'agent.yaml');
    const second = await rig.request(other);
    assert.is(await codeThrown(() => rig.grant(second)), 'already-enrolled');
    const [before] = rig.authority.standing(rig.town.node);
    await take(rig, await rig.grant(second, undefined, true), other);
    const [after, ...more] = rig.authority.standing(rig.town.node);
    assert.equal(more, []);
    assert.is.not(after?.serial, before?.serial);
    const policy = readTrusted(rig.town.hub).policy;
    assert.is(
      policy.nodes.find(({ id }) => id === rig.town.node)?.key.id,
      readRequest(Buffer.from(second)).nodeKey.id,
    );
    // A replaced box may come back; a stolen one may not, with any of its keys.
    await rig.grant(first, undefined, true);
    assert.is(await rig.authority.revoke(rig.town.node, 'stolen'), 1);
    assert.is(await codeThrown(() => rig.grant(first, undefined, true)), 'stolen-box');
    const stolen = join(rig.folder, 'box', 'secrets');
    const mixed = join(rig.folder, 'mixed', 'agent.yaml');
    for (const name of ['box-identity', `${rig.town.node}.key`]) {
      mkdirSync(join(rig.folder, 'mixed', 'secrets'), { recursive: true });
      cpSync(join(stolen, name), join(rig.folder, 'mixed', 'secrets', name));
      const asked = await rig.request(mixed);
      assert.is(await codeThrown(() => rig.grant(asked, undefined, true)), 'stolen-box', name);
      rmSync(join(rig.folder, 'mixed'), { recursive: true });
    }
    // What was signed and taken back is known after a restart of the command, too.
    const again = openAuthority(join(rig.town.hub, 'authority'), undefined, () => now);
    assert.equal(again.all(), rig.authority.all());
  }));

test('a key of another node, two of one node, and a line of the authority that a power cut tore', () =>
  inRig(async (rig) => {
    const request = await rig.request();
    const payload = parseJson(
      parsePolicy(readTrusted(rig.town.hub).envelope).envelope.payload,
    ) as PolicyPayload;
    const mine = readRequest(Buffer.from(request)).nodeKey.spki;
    const nodes = [{ ...payload.nodes[0], id: 'site-02', key: mine }] as PolicyPayload['nodes'];
    const next = { ...payload, version: 2, nodes: [...payload.nodes, ...nodes] };
    const file = join(rig.town.hub, 'policy.dsse.json');
    const kept = readFileSync(file);
    writeFileSync(file, signEnvelope(payloadTypes.policy, Buffer.from(JSON.stringify(next)), [rig.root]));
    assert.is(await codeThrown(() => rig.grant(request)), 'known-key');
    writeFileSync(file, kept);

    const dir = join(rig.town.hub, 'authority');
    const lines = join(dir, 'issued.jsonl');
    const whole = readFileSync(lines, 'utf8');
    writeFileSync(lines, `${whole}{"kind":"issued","ser`);
    const opened = openAuthority(dir, undefined, () => now);
    assert.is(readFileSync(lines, 'utf8'), whole);
    await opened.issueWithKey('site-02', []);
    assert.is(openAuthority(dir, undefined, () => now).all().length, opened.all().length);
    writeFileSync(lines, `damaged\n${whole}`);
    assert.is(await codeThrown(async () => openAuthority(dir, undefined, () => now)), 'authority-broken');
  }));

test('roots that a box trusts are not replaced by a bundle, nor is its configuration or its name', () =>
  inRig(async (rig) => {
    await rig.request();
    editYaml(rig.config, [[['lang'], 'en']]);
    await placeBundle(systemFiles, rig.bundle, rig.config);
    assert.match(readFileSync(rig.config, 'utf8'), /lang: en/);
    const apart = join(rig.folder, 'elsewhere');
    mkdirSync(apart);
    const elsewhere = await makeTown(apart, { cameras: [], mqtt: 'mqtt://10.0.0.1:1883' });
    const given = { settings: readSettings(elsewhere.hub), trusted: readTrusted(elsewhere.hub), utcMs: now };
    const foreign = makeBundle(elsewhere.node, { ...given, out: join(rig.folder, 'stick-2') });
    assert.is(await codeThrown(() => placeBundle(systemFiles, foreign, rig.config)), 'other-roots');
    editYaml(rig.config, [[['node'], 'site-02']]);
    assert.is(await codeThrown(() => placeBundle(systemFiles, rig.bundle, rig.config)), 'other-node');
    assert.is(await codeThrown(() => placeBundle(systemFiles, rig.folder, rig.config)), 'bundle');
  }));

test('a place that the disk refuses is named to who gave it', () =>
  inRig(async (rig) => {
    const config = join(rig.bundle, 'bundle.json', 'agent.yaml');
    assert.is(await codeThrown(() => enrolCommand.run({ bundle: rig.bundle, config }, [])), 'file');
  }));

test('keys that are encrypted to the machine are found; keys that are gone are not made anew', () =>
  inRig(async (rig) => {
    const first = await rig.request();
    const credentials = join(rig.folder, 'credentials');
    cpSync(join(rig.folder, 'box', 'secrets'), credentials, { recursive: true });
    rmSync(join(rig.folder, 'box', 'secrets'), { recursive: true });
    assert.is(await codeThrown(() => rig.request()), 'keys-away');
    const found = await makeRequest(systemFiles, rig.config, { credentials, utcMs: now });
    assert.is(found.text, first);
    const answer = await rig.grant(first, { 'cam-1': 'rec:a' });
    await takeAnswer(systemFiles, rig.config, answer, credentials);
    assert.equal(readdirSync(join(rig.folder, 'box', 'secrets')), ['cam-1']);
  }));

test('a bundle of a file with a password in it is not made, nor one of a node nobody knows', () =>
  inRig(async (rig) => {
    const settings = readSettings(rig.town.hub);
    const given = { settings, trusted: readTrusted(rig.town.hub), out: join(rig.folder, 'out'), utcMs: now };
    assert.is(await codeThrown(async () => makeBundle('site-77', given)), 'unknown-node');
    const yaml = join(rig.town.hub, 'nodes', rig.town.node, 'agent.yaml');
    const text = readFileSync(yaml, 'utf8');
    writeFileSync(yaml, text.replace('rtsp://10.0.1.11', 'rtsp://rec:secret@10.0.1.11'));
    assert.is(await codeThrown(async () => makeBundle(rig.town.node, given)), 'secret-in-file');
    writeFileSync(yaml, text);
    rmSync(join(rig.town.hub, 'ca.crt'));
    assert.is(await codeThrown(async () => makeBundle(rig.town.node, given)), 'authority-missing');
    assert.not.ok(existsSync(given.out));
  }));

test('the authority is no company for a hub: where its key lies beside it, the hub does not start', async () => {
  using folder = temporaryFolder();
  const town = await makeTown(folder.path, { cameras: [] });
  const { policy } = readTrusted(town.hub);
  const before = foreignSecrets(town.hub, policy);
  const passphrase = 'la frase dei certificati';
  const dir = join(town.hub, 'authority');
  const made = await initAuthority(dir, { name: 'Comune', passphrase, utc: () => now });
  await placeServers(town.hub, made, ['10.0.0.1']);
  const added = foreignSecrets(town.hub, policy).filter((name) => !before.includes(name));
  assert.equal(added, ['authority/ca.key'], 'and the keys of its own connections are no secret of others');
  assert.is(await codeThrown(async () => openAuthority(dir, 'another', () => now)), 'key-locked');
  assert.is(await codeThrown(async () => openAuthority(dir, undefined, () => now)), 'key-locked');
  assert.is(openAuthority(dir, passphrase, () => now).all().length, 2);
  const again = initAuthority(dir, { name: 'Comune', passphrase, utc: () => now });
  assert.is(await codeThrown(() => again), 'not-empty');
});

test('without a hub that runs: enrolled, renewed, revoked, with a line of the register for each policy', async () => {
  using folder = temporaryFolder();
  const town = await makeTown(folder.path, {
    mqtt: 'mqtts://10.0.0.1:8883',
    cameras: [{ id: 'cam-1', rtsp: 'rtsp://10.0.1.11/a', credentials: { user: 'a', password: 'b' } }],
  });
  const { hub, agent, must, root } = commandsOf(town);
  await must(hub('ca', 'init', '--address', 'municipio.example'));
  const stick = join(folder.path, 'stick');
  const bundle = await must(hub('provision', '--all', '--out', stick));
  const config = join(folder.path, 'box', 'agent.yaml');
  const asked = join(stick, 'request.json');
  await must(agent('enrol', '--bundle', bundle, '--config', config, '--out', asked));
  const grant = [asked, '--out', stick, ...root, '--yes'];
  const passwords = join(folder.path, 'passwords');
  writeFileSync(passwords, 'cam-1=rec:a\n');
  // A stick that takes nothing: said in a sentence, before anything is done.
  const lost = await hub('enrol', asked, '--out', join(asked, 'x'), ...root, '--yes', '--secrets', passwords);
  assert.equal([lost.code, readTrusted(town.hub).policy.version], [69, 1]);
  assert.not.match(lost.err, /\n\s+at /);
  assert.is((await hub('provision', '--all', '--out', join(asked, 'x'))).code, 69);
  const done = JSON.parse(await must(hub('enrol', ...grant, '--secrets', passwords, '--json')));
  assert.equal([done.policyVersion, done.answers[0].how], [2, 'new']);
  await must(agent('enrol', '--answer', done.answers[0].file, '--config', config, '--json'));
  const renewed = JSON.parse(await must(hub('enrol', ...grant, '--json')));
  assert.equal([renewed.policyVersion, renewed.answers[0].how], [2, 'renewed']);

  const broker = join(folder.path, 'mosquitto');
  mkdirSync(broker);
  // A key that is no root's, and a broker that is nowhere: refused before the box has lost anything.
  const trustBefore = ['ca.crl', 'policy.dsse.json', 'authority/issued.jsonl'].map((name) =>
    join(town.hub, name),
  );
  const contents = (): string[] => trustBefore.map((file) => readFileSync(file, 'utf8'));
  const untouched = contents();
  const noRoot = ['--root-key', join(town.hub, 'keys', 'operator.key')];
  assert.is((await hub('revoke', town.node, ...noRoot, '--broker', broker)).code, 2);
  assert.is((await hub('revoke', town.node, ...root, '--broker', join(folder.path, 'none'))).code, 64);
  assert.equal(contents(), untouched);
  const revoke = ['revoke', town.node, ...root, '--broker', broker, '--json'];
  const stays = await hub(...revoke, '--broker-restart', 'false');
  assert.is(stays.code, 69, 'a broker that was not restarted is said to be');
  assert.is(readTrusted(town.hub).policy.version, 3, 'and all that does not need it is done');
  assert.equal(readFileSync(join(broker, 'ca.crl')), readFileSync(join(town.hub, 'ca.crl')));
  const again = JSON.parse(await must(hub(...revoke, '--broker-restart', 'true')));
  assert.equal(again, { node: town.node, certificates: 0, policyVersion: 4 });
  const gone = JSON.parse(await must(hub('ca', 'list', '--json'))) as { name: string; revokedAt?: number }[];
  assert.equal(
    gone.map(({ name, revokedAt }) => `${name} ${revokedAt === undefined ? 'stands' : 'revoked'}`),
    ['hub stands', 'broker stands', `${town.node} revoked`, `${town.node} revoked`],
  );
  const register = openRegister(join(town.hub, 'data', 'register.sqlite'), () => now);
  const versions = register.lines().map(({ kind, version }) => `${kind} ${version}`);
  register.close();
  assert.equal(versions, ['policy 2', 'policy 3', 'policy 4']);
  await must(hub('ca', 'renew'));
  assert.is((await hub('revoke', 'site-77', ...root)).code, 2);
  assert.is((await hub('enrol', ...grant)).code, 2, 'a stolen box');
});

test('lines of secrets: those of the node, the later wins, and a mistake names its line and nothing of it', async () => {
  const text = '# radios\ncam-1=a:b=c\nsite-02/cam-1=not:this\r\nsite-01/cam-1=d:e\n\nradio=public\n';
  assert.equal(secretsIn(text, 'site-01'), { 'cam-1': 'd:e', radio: 'public' });
  for (const wrong of ['cam-1 rec:secret', '=secret', 'a/b/c=secret', '../cam=secret'])
    try {
      secretsIn(`cam-1=a:b\n${wrong}\n`, 'site-01');
      assert.unreachable(wrong);
    } catch (error) {
      assert.match((error as Error).message, /line 2/);
      assert.not.match((error as Error).message, /secret(?!s)/);
    }
});

test('hub inventory check: the town of the annexes, one that cannot be, and no list at all', async () => {
  using folder = temporaryFolder();
  const { hub, must } = commandsOf({ hub: folder.path });
  const found = JSON.parse(await must(hub('inventory', 'check', '--json')));
  assert.is(found.ok, true);
  assert.equal([found.sites, found.relays, found.cameras, found.ptz], [16, 3, 43, 3]);
  assert.is(found.camerasAnnexB, 41);
  assert.equal(
    found.disagreements.map((sentence: string) => sentence.slice(0, 7)),
    ['site-04', 'site-06'],
  );
  const shown = await must(hub('inventory', 'check'));
  for (const word of ['site-04', 'site-06', '43 cameras', 'assumption'])
    assert.ok(shown.includes(word), word);
  const list = join(folder.path, 'sites.json');
  const site = (id: string, more: object = {}) => ({
    id,
    role: 'site',
    name: id,
    net: `10.0.${id.length}`,
    cameras: [{ id: 'cam-1', name: 'a' }],
    ...more,
  });
  const check = async (nodes: object[]): Promise<{ code: number; problems: string[] }> => {
    const server = { name: 'M', mqtt: 'mqtt://h:1', upload: 'http://h:1/upload', listen: 'h:1' };
    writeFileSync(list, JSON.stringify({ hub: server, nodes }));
    const { code, out } = await hub('inventory', 'check', list, '--json');
    return { code, problems: out === '' ? [] : JSON.parse(out).problems };
  };
  assert.equal(await check([site('a'), site('bb')]), { code: 0, problems: [] });
  const wrong = await check([
    site('a', { uplink: { to: 'bb', target: '10.0.0.1:862' } }),
    site('bb', { uplink: { to: 'a', target: '10.0.0.1:862' }, net: '10.0.1' }),
    site('ccc', { uplink: { to: 'nowhere', target: '10.0.0.1:862' } }),
    site('hub', { cameras: [], net: '10.0.9' }),
  ]);
  assert.is(wrong.code, 1);
  for (const word of [
    'a: its uplinks',
    'bb: its uplinks',
    'nowhere',
    'network 10.0.1',
    'hub: this name',
    'without a camera',
  ])
    assert.ok(
      wrong.problems.some((sentence) => sentence.includes(word)),
      word,
    );
  writeFileSync(list, '{"nodes":[]}');
  assert.is((await hub('inventory', 'check', list)).code, 78);
  assert.is((await hub('inventory', 'check', join(folder.path, 'nowhere'))).code, 78);
  assert.is((await hub('inventory', 'shake')).code, 64);
});
