import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { openPing } from '#agent/link/ping.ts';
import { radioModels } from '#agent/link/radio-models.ts';
import { openSnmp } from '#agent/link/snmp.ts';
import { parseSnmpSecret, type SnmpAccess } from '#agent/link/snmp-question.ts';
import { run } from '#agent/platform/process.ts';
import { eventually } from '../support/eventually.ts';
import { findProgram } from '../support/real-parts.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('links asked with real parts', { timeoutMs: 240_000 });
const never = new AbortController().signal;
const snmpd = findProgram('snmpd');
const access = (secret: string, auth: 'sha' | 'sha256' = 'sha'): SnmpAccess => {
  const parsed = parseSnmpSecret(secret, auth);
  if (!parsed) throw new Error(secret);
  return parsed;
};

async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const { port } = socket.address() as AddressInfo;
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  return port;
}

/** Debian's snmpd as a radio bridge: the columns of a vendor's table are served by `override`. */
async function startRadio(folder: string, values: Record<string, number>) {
  const port = await freeUdpPort();
  const lines = [
    `agentAddress udp:127.0.0.1:${port}`,
    'rocommunity peio 127.0.0.1',
    'createUser signed SHA "signed-password"',
    'rouser signed authNoPriv',
    'createUser sealed SHA-256 "sealed-password" AES "secret-password"',
    'rouser sealed priv',
    ...Object.entries(values).map(([oid, value]) => `override .${oid} integer ${value}`),
  ];
  writeFileSync(join(folder, 'snmpd.conf'), `${lines.join('\n')}\n`);
  const env = { ...process.env, SNMPCONFPATH: folder, SNMP_PERSISTENT_DIR: folder };
  const args = ['-f', '-Lo', '-C', '-c', join(folder, 'snmpd.conf'), '-p', join(folder, 'pid')];
  const child: ChildProcess = spawn(snmpd as string, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (bytes) => (printed += bytes));
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const target = { host: '127.0.0.1', port };
  await eventually('snmpd', async () => {
    if (child.exitCode !== null) throw new Error(printed);
    return (await openSnmp({ target, access: access('peio') }).ask(never)).kind !== 'lost';
  });
  return {
    target,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

if (snmpd === undefined) test.skip('a radio is asked by SNMP', 'snmpd is not installed');
else
  test('a radio is asked by SNMP 2c and 3, signed and sealed, with and without its model', async () => {
    using folder = temporaryFolder();
    const { signalDbm, noiseDbm, capacityMbit } = radioModels['ubiquiti-airmax'];
    await using radio = await startRadio(folder.path, {
      [`${signalDbm.oid}.1`]: -61,
      [`${noiseDbm.oid}.1`]: -96,
      [`${capacityMbit.oid}.1`]: 130_000_000,
    });
    const { target } = radio;
    const ways: [string, SnmpAccess][] = [
      ['2c', access('peio')],
      ['3 signed', access('signed:signed-password')],
      ['3 sealed', access('sealed:sealed-password:secret-password', 'sha256')],
    ];
    for (const [name, way] of ways)
      for (const model of ['ubiquiti-airmax', undefined] as const) {
        const sample = await openSnmp({ target, access: way, model }).ask(never);
        assert.is(sample.kind, 'answer', `${name} ${model}: ${JSON.stringify(sample)}`);
        if (sample.kind !== 'answer') return;
        assert.equal(
          [sample.radio?.signalDbm, sample.radio?.noiseDbm, Math.round(sample.radio?.capacityMbit ?? 0)],
          [-61, -96, 130],
        );
        assert.ok((sample.radio?.uptimeSeconds ?? -1) >= 0 && sample.roundTripMs < 2000);
      }
    const own = await openSnmp({
      target,
      access: access('peio'),
      oids: { signalDbm: signalDbm.oid },
    }).ask(never);
    assert.is(own.kind === 'answer' && own.radio?.signalDbm, -61);

    const wrong = (secret: string, auth?: 'sha256') =>
      openSnmp({ target, access: access(secret, auth), model: 'mikrotik' }).ask(never);
    assert.equal(await wrong('other-community'), { kind: 'lost', reason: 'no-snmp' });
    assert.equal(await wrong('signed:wrong-password'), { kind: 'unmeasured', reason: 'auth' });
    assert.equal(await wrong('nobody:signed-password'), { kind: 'unmeasured', reason: 'auth' });
    assert.equal(await wrong('peio'), { kind: 'unmeasured', reason: 'no-object' });
  });

test('an answer that is no SNMP, and none at all, end nothing but the child', async () => {
  const hostile = createSocket('udp4');
  let count = 0;
  hostile.on('message', (asked, from) => {
    count += 1;
    // The question itself with its middle turned into noise, then with a length that lies, then cut.
    const noise = Buffer.from(asked);
    if (count === 1) noise.fill(0xff, 20, 40);
    if (count === 2) noise[1] = 0x84;
    hostile.send(count === 3 ? noise.subarray(0, 10) : noise, from.port, from.address);
  });
  await new Promise<void>((resolve) => hostile.bind(0, '127.0.0.1', resolve));
  const target = { host: '127.0.0.1', port: hostile.address().port };
  for (const secret of ['peio', 'peio', 'peio', 'user:12345678:12345678'])
    assert.is.not((await openSnmp({ target, access: access(secret) }).ask(never)).kind, 'answer', secret);
  await new Promise<void>((resolve) => hostile.close(() => resolve()));
  assert.equal(await openSnmp({ target, access: access('peio') }).ask(never), {
    kind: 'lost',
    reason: 'no-snmp',
  });
});

if (findProgram('ping') === undefined) test.skip('a host is pinged', 'ping is not installed');
else
  test('a host is pinged by the system’s ping; one that is nowhere is told apart', async () => {
    const loopback = await openPing({ run, host: '127.0.0.1' }).ask(never);
    assert.ok(loopback.kind === 'answer' && loopback.roundTripMs < 1000, JSON.stringify(loopback));
    assert.equal(await openPing({ run, host: 'nowhere.invalid' }).ask(never), {
      kind: 'lost',
      reason: 'unresolved',
    });
    // Class E (RFC 1112): nobody routes it.
    assert.is((await openPing({ run, host: '240.0.0.1' }).ask(never)).kind, 'lost');
  });
