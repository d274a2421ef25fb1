import { connect as connectTls } from 'node:tls';
import type { IClientOptions } from 'mqtt';
import * as assert from 'uvu/assert';
import { topics } from '#protocol/topics.ts';
import {
  type Issued,
  opensslProgram,
  pemOf,
  type TestAuthority,
  testAuthority,
} from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { type Caller, call, noTownBroker, type TownBroker, townBroker } from '../support/town-broker.ts';

const test = suite("the town's broker");
const why = noTownBroker ?? (opensslProgram === undefined ? 'openssl is not installed' : undefined);
/** Whose box was stolen, and whom it tries to harm. */
const thief = 'site-05';
const victim = 'site-01';
const largest = 4 * 1024 * 1024;

const folder = temporaryFolder();
let authority: TestAuthority;
let broker: TownBroker;
const identities = new Map<string, Issued>();
const identityOf = (name: string): Issued => {
  const known = identities.get(name) ?? authority.issue(name);
  identities.set(name, known);
  return known;
};
const tryAs = (identity: Issued | undefined, options: IClientOptions = {}) =>
  call(broker, authority.ca, identity, options);

async function as(name: string, options: IClientOptions = {}): Promise<Caller> {
  const caller = await tryAs(identityOf(name), { clientId: name, ...options });
  if (caller instanceof Error) throw caller;
  return caller;
}

/** Runs `body` with connections that are closed whatever happens. */
async function among(names: string[], body: (...callers: Caller[]) => Promise<void>): Promise<void> {
  const callers: Caller[] = [];
  try {
    for (const name of names) callers.push(await as(name));
    await body(...callers);
  } finally {
    for (const caller of callers) await caller.close();
  }
}

/** A word that `to` may hear from `from`: whatever was said before it has arrived when it has. */
async function fence(from: Caller, topic: string, to: Caller): Promise<void> {
  const word = `fence ${Math.random()}`;
  assert.ok(await from.publish(topic, word));
  await eventually('the fence', () => to.heard.some(({ payload }) => payload === word));
}
const beforeFence = (caller: Caller) => caller.heard.filter(({ payload }) => !payload.startsWith('fence'));

if (why !== undefined) test.skip('the ACL', why);
else {
  test.before(async () => {
    authority = testAuthority(`${folder.path}/ca`);
    broker = await townBroker(folder.path, authority);
  });
  test.after(async () => {
    await broker.stop();
    folder[Symbol.dispose]();
  });

  // What must work.

  const fromNode = [
    topics.state(thief),
    topics.health(thief),
    topics.alert(thief, 'camera-down.cam-1'),
    topics.event(thief),
    topics.checkpoint(thief),
    topics.commandStatus(thief, 'a1'),
  ];
  const toNode = [topics.command(thief), topics.cosignature(thief), topics.hubState, topics.hubPolicy];

  test('every topic of the protocol is on one side of the ACL or the other', () => {
    const made = Object.values(topics).map((topic) =>
      typeof topic === 'string' ? topic : topic(thief, topic === topics.alert ? 'camera-down.cam-1' : 'a1'),
    );
    assert.equal(made.sort(), [...fromNode, ...toNode].sort());
  });

  test('a node says what a node says, and the hub hears it', async () => {
    await among(['hub', thief], async (hub, node) => {
      await hub.subscribe('peio/v1/#');
      for (const topic of fromNode) assert.ok(await node.publish(topic, topic), topic);
      await fence(node, topics.event(thief), hub);
      assert.equal(
        beforeFence(hub).map(({ topic }) => topic),
        fromNode,
      );
    });
  });

  test('the hub says what the hub says, and the node hears it', async () => {
    await among(['hub', thief], async (hub, node) => {
      for (const topic of toNode) assert.ok((await node.subscribe(topic)) < 128, topic);
      for (const topic of toNode) assert.ok(await hub.publish(topic, topic), topic);
      await fence(hub, topics.command(thief), node);
      assert.equal(
        beforeFence(node).map(({ topic }) => topic),
        toNode,
      );
    });
  });

  test('the hub clears the status of a closed case', async () => {
    await among(['hub', thief], async (hub, node) => {
      assert.ok(await node.publish(topics.commandStatus(thief, 'c1'), 'done', true));
      assert.ok(await hub.publish(topics.commandStatus(thief, 'c1'), '', true));
      await hub.subscribe(topics.commandStatus(thief, 'c1'));
      await fence(node, topics.commandStatus(thief, 'c1'), hub);
      assert.equal(beforeFence(hub), []);
    });
  });

  test('hub workers may share one subscription', async () => {
    await among(['hub', thief], async (hub, node) => {
      assert.ok((await hub.subscribe('$share/hub/peio/v1/+/event')) < 128);
      await fence(node, topics.event(thief), hub);
    });
  });

  // What a stolen identity tries to say.

  const forbidden: [string, string][] = [
    ["another node's state", topics.state(victim)],
    ["another node's health", topics.health(victim)],
    ["another node's alert", topics.alert(victim, 'camera-down.cam-1')],
    ["another node's event", topics.event(victim)],
    ["another node's checkpoint", topics.checkpoint(victim)],
    ["an answer to another node's command", topics.commandStatus(victim, 'a1')],
    ['a command to another node', topics.command(victim)],
    ['a cosignature for another node', topics.cosignature(victim)],
    ['a command to itself', topics.command(thief)],
    ['a cosignature for itself', topics.cosignature(thief)],
    ["the hub's state", topics.hubState],
    ["the hub's policy", topics.hubPolicy],
    ['a topic of its own branch that does not exist', `peio/v1/${thief}/extra`],
    ['its branch itself', `peio/v1/${thief}`],
    ['below its own state', `peio/v1/${thief}/state/deeper`],
    ['an alert with two levels', `peio/v1/${thief}/alert/a/b`],
    ['another version of the protocol', `peio/v2/${thief}/state`],
    ['outside the root', 'anything'],
    ["the broker's own branch", '$SYS/broker/version'],
  ];
  for (const [what, topic] of forbidden) {
    test(`a stolen identity says ${what}: refused`, async () => {
      await among(['hub', thief], async (hub, node) => {
        await hub.subscribe('peio/#');
        assert.is(await node.publish(topic, 'forged', true), false);
        await fence(node, topics.event(thief), hub);
        assert.not.ok(hub.heard.some(({ payload }) => payload === 'forged'));
      });
    });
  }

  test('the same in MQTT 3.1.1, which answers nothing: nobody hears any of it', async () => {
    await among(['hub', victim], async (hub, other) => {
      await hub.subscribe('peio/#');
      await other.subscribe(topics.command(victim));
      const node = await as(thief, { protocolVersion: 4 });
      try {
        for (const [, topic] of forbidden) await node.publish(topic, 'forged', true);
        await fence(node, topics.event(thief), hub);
        await fence(hub, topics.command(victim), other);
        assert.equal(
          beforeFence(hub)
            .concat(beforeFence(other))
            .filter(({ payload }) => payload === 'forged'),
          [],
        );
      } finally {
        await node.close();
      }
    });
  });

  test("a stolen identity clears another node's retained alert: it stays", async () => {
    await among([victim, thief, 'hub'], async (other, node, hub) => {
      const alert = topics.alert(victim, 'disk-full.store');
      assert.ok(await other.publish(alert, 'raised', true));
      assert.is(await node.publish(alert, '', true), false);
      await hub.subscribe(alert);
      await eventually('the alert', () => hub.heard.some(({ payload }) => payload === 'raised'));
    });
  });

  test('a stolen identity leaves a last will in the name of another: it is never said', async () => {
    await among(['hub', victim], async (hub, other) => {
      await hub.subscribe('peio/v1/+/state');
      const will = {
        topic: topics.state(victim),
        payload: Buffer.from('forged'),
        qos: 1,
        retain: true,
      } as const;
      const node = await tryAs(identityOf(thief), { clientId: thief, will });
      if (!(node instanceof Error)) {
        node.client.stream.destroy();
        await eventually('the end', () => !node.client.connected);
        await node.close();
        // The next connection of the same client ends the old one for good, its will included.
        await (await as(thief)).close();
      }
      await fence(other, topics.state(victim), hub);
      assert.not.ok(hub.heard.some(({ payload }) => payload === 'forged'));
    });
  });

  // What a stolen identity tries to hear.

  const eavesdropping: [string, string][] = [
    ['everything', '#'],
    ['the whole root', 'peio/v1/#'],
    ["another node's branch", `peio/v1/${victim}/#`],
    ["another node's commands", topics.command(victim)],
    ["another node's cosignatures", topics.cosignature(victim)],
    ["everybody's commands", 'peio/v1/+/command'],
    ["everybody's answers", 'peio/v1/+/command/+/status'],
    ["everybody's alerts", 'peio/+/+/alert/+'],
    ["another node's commands, as a share", `$share/x/${topics.command(victim)}`],
    ["the broker's own branch", '$SYS/#'],
  ];
  for (const [what, filter] of eavesdropping) {
    test(`a stolen identity listens to ${what}: hears its own alone`, async () => {
      await among(['hub', victim, thief], async (hub, other, node) => {
        assert.ok(await other.publish(topics.state(victim), 'kept', true));
        await node.subscribe(filter).catch(() => 128);
        await node.subscribe(topics.command(thief));
        for (const topic of [topics.command(victim), topics.cosignature(victim)])
          assert.ok(await hub.publish(topic, 'secret'));
        for (const topic of [
          topics.event(victim),
          topics.alert(victim, 'x.y'),
          topics.commandStatus(victim, 'a1'),
        ])
          assert.ok(await other.publish(topic, 'secret', true));
        await fence(hub, topics.command(thief), node);
        const own = [...fromNode, ...toNode];
        assert.equal(
          beforeFence(node).filter(({ topic }) => !own.includes(topic) || topic === topics.state(victim)),
          [],
        );
        for (const topic of [
          topics.event(victim),
          topics.alert(victim, 'x.y'),
          topics.commandStatus(victim, 'a1'),
        ])
          await other.publish(topic, '', true);
      });
    });
  }

  // Whom a stolen identity pretends to be.

  for (const name of [victim, 'hub'])
    test(`a stolen identity calls itself ${name}: it stays who it is, and ${name} stays connected`, async () => {
      await among([name], async (rightful) => {
        const node = await tryAs(identityOf(thief), {
          clientId: name,
          username: name,
          password: 'anything',
          clean: false,
        });
        if (!(node instanceof Error)) {
          assert.is(await node.publish(topics.state(name), 'forged', true), false);
          assert.is(await node.publish(topics.command(victim), 'forged', true), false);
          await node.close();
        }
        assert.ok(await rightful.publish(topics.state(name), 'here'));
      });
    });

  test("a stolen identity takes over another's session: what waits there stays there", async () => {
    const session = { clean: false, properties: { sessionExpiryInterval: 3600 } };
    const before = await as(victim, session);
    await before.subscribe(topics.command(victim));
    await before.close();
    await among(['hub'], async (hub) => {
      assert.ok(await hub.publish(topics.command(victim), 'waiting'));
      const node = await tryAs(identityOf(thief), { ...session, clientId: victim });
      if (!(node instanceof Error)) {
        await node.subscribe(topics.command(thief));
        await fence(hub, topics.command(thief), node);
        assert.equal(beforeFence(node), []);
        await node.close();
      }
      const after = await as(victim, session);
      await eventually('the command', () => after.heard.some(({ payload }) => payload === 'waiting'));
      await after.close();
    });
  });

  // Who has no business here at all.

  test('a stranger: no certificate, another authority, self-made, out of date, or no TLS at all', async () => {
    const other = testAuthority(`${folder.path}/other`, 'Another authority');
    assert.instance(await tryAs(undefined), Error);
    assert.instance(await tryAs(other.issue(victim)), Error);
    assert.instance(await tryAs({ cert: other.ca, key: `${folder.path}/other/ca.key` }), Error);
    assert.instance(await tryAs(authority.issue(victim, { expired: true })), Error);
    const plain = { url: broker.url.replace('mqtts:', 'mqtt:') };
    assert.instance(await call(plain, undefined, undefined, { username: victim, password: 'x' }), Error);
    // The hub is believed for its certificate, too: a node does not talk to a broker that another made.
    assert.instance(await call(broker, other.ca, identityOf(thief)), Error);
  });

  for (const name of ['#', '+', `${victim}/command`, `+/${victim}`, '%u', ''])
    test(`a certificate made out to "${name}" by mistake opens nothing`, async () => {
      const caller = await tryAs(authority.issue(name), { clientId: 'x' });
      if (caller instanceof Error) return;
      await among(['hub', victim], async (hub, other) => {
        await hub.subscribe('peio/#');
        await caller.subscribe('#').catch(() => 128);
        for (const topic of [
          topics.state(victim),
          topics.command(victim),
          topics.hubPolicy,
          topics.state('x'),
        ])
          assert.is(await caller.publish(topic, 'forged', true), false, topic);
        assert.ok(await other.publish(topics.event(victim), 'secret'));
        assert.ok(await hub.publish(topics.command(victim), 'secret'));
        await fence(other, topics.event(victim), hub);
        assert.not.ok(hub.heard.some(({ payload }) => payload === 'forged'));
        assert.not.ok(caller.heard.some(({ payload }) => payload === 'secret'));
      });
      await caller.close();
    });

  test('TLS before 1.2 is not spoken', async () => {
    const settled = await new Promise<string>((resolve) => {
      const socket = connectTls({
        port: broker.port,
        host: '127.0.0.1',
        rejectUnauthorized: false,
        maxVersion: 'TLSv1.1',
        minVersion: 'TLSv1',
        ciphers: 'ALL@SECLEVEL=0',
        ...pemOf(identityOf(thief)),
      });
      socket.once('secureConnect', () => resolve('connected'));
      socket.once('error', () => resolve('refused'));
    });
    assert.is(settled, 'refused');
  });

  test('a stolen box is revoked: a reload keeps it from coming in, a restart ends what it had open', async () => {
    const stolen = authority.issue('site-09');
    const enter = () => tryAs(stolen, { clientId: 'site-09' });
    const first = await enter();
    if (first instanceof Error) throw first;
    authority.revoke(stolen);
    broker.reload();
    await eventually('the reload', () => broker.said().includes('Reloading config'));
    assert.instance(await enter(), Error);
    const second = await as(victim);
    assert.ok(await second.publish(topics.state(victim), 'here'));
    assert.ok(first.client.connected);
    await broker.stop();
    await broker.start();
    await eventually('the end', () => !first.client.connected);
    assert.instance(await enter(), Error);
    const third = await as(victim);
    for (const caller of [first, second, third]) await caller.close();
  });

  // How much one may take.

  test('4 MiB pass; a packet above 4 MiB and 1 KiB ends the connection and reaches nobody', async () => {
    await among(['hub', thief], async (hub, node) => {
      await node.subscribe(topics.command(thief));
      assert.ok(await hub.publish(topics.command(thief), Buffer.alloc(largest, 'x')));
      await eventually('the large one', () => node.heard.some(({ payload }) => payload.length === largest));
      assert.is(await hub.publish(topics.command(thief), Buffer.alloc(largest + 1024, 'y')), false);
      const last = await as('hub');
      await fence(last, topics.command(thief), node);
      assert.not.ok(node.heard.some(({ payload }) => payload.startsWith('y')));
      await last.close();
    });
  });

  test('a client is asked to ping at least every two minutes', async () => {
    const caller = await as(thief, { keepalive: 3600 });
    assert.is(caller.connack.properties?.serverKeepAlive, 120);
    await caller.close();
  });

  test('beyond the number of connections no more are let in, until one leaves', async () => {
    using apart = temporaryFolder();
    const small = await townBroker(apart.path, authority, [['max_connections 100', 'max_connections 3']]);
    const names = ['site-01', 'site-02', 'site-03', 'site-04'];
    const enter = (name: string) => call(small, authority.ca, identityOf(name), { clientId: name });
    try {
      const inside: Caller[] = [];
      for (const name of names.slice(0, 3)) {
        const caller = await enter(name);
        if (caller instanceof Error) throw caller;
        inside.push(caller);
      }
      assert.instance(await enter('site-04'), Error);
      await inside[0]?.close();
      await eventually('a place to be free', async () => {
        const caller = await enter('site-04');
        if (caller instanceof Error) return false;
        inside.push(caller);
        return true;
      });
      for (const caller of inside) await caller.close();
    } finally {
      await small.stop();
    }
  });

  test('a session survives the restart of the broker', async () => {
    const session = { clean: false, properties: { sessionExpiryInterval: 3600 } };
    const before = await as(thief, session);
    await before.subscribe(topics.command(thief));
    await before.close();
    await among(['hub'], async (hub) => {
      assert.ok(await hub.publish(topics.command(thief), 'across'));
    });
    await broker.stop();
    await broker.start();
    const after = await as(thief, session);
    await eventually('the command', () => after.heard.some(({ payload }) => payload === 'across'));
    await after.close();
  });
}
