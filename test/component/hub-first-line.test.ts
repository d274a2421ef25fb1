import * as assert from 'uvu/assert';
import { fakeClock } from '../support/fake-clock.ts';
import { cutOff, type SimulatedTown, simulatedTown } from '../support/simulated-town.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('the first line of the town hall’s page', { timeoutMs: 120_000 });
const minute = 60_000;

async function firstLine(town: SimulatedTown, lang = 'it'): Promise<string> {
  const text = await (await fetch(`${town.page.url()}/?lang=${lang}`)).text();
  return /<h1[^>]*>([^<]*)<\/h1>/.exec(text)?.[1]?.replaceAll('&#39;', "'") ?? '';
}

/** A town in which nothing is wrong. */
async function calmTown(folder: string): Promise<SimulatedTown & { clock: ReturnType<typeof fakeClock> }> {
  const town = await simulatedTown(folder, { clock: fakeClock(Date.now()) });
  for (const { node, key, from } of town.alerts.list()) {
    await town.alerts.acknowledge(`${node}/${key}`, 'anna');
    await town.alerts.clear(node, key, from);
  }
  for (const { health } of town.sights)
    for (const camera of health?.cameras ?? []) camera.state = 'recording';
  return town as SimulatedTown & { clock: ReturnType<typeof fakeClock> };
}

test('a relay that breaks is counted by the sites behind it, not by the relays', async () => {
  using folder = temporaryFolder();
  await using town = await calmTown(folder.path);
  assert.match(await firstLine(town), /^Tutto regolare: 19 nodi, 43 telecamere, 7 giorni\.$/);
  // Another relay reaches the town hall by this one.
  const relay = town.settings.nodes.find(({ id }) => id === 'relay-d');
  assert.ok(relay);
  relay.uplink = 'relay-c';
  const behind = await cutOff(town, 'relay-c');
  await town.clock.advance(minute);
  const sites = behind.filter((id) => id.startsWith('site-')).length;
  assert.is(behind.length, sites + 1);
  assert.match(await firstLine(town), `: ${sites} siti coinvolti.`);
});

test('a link that was told of first: what is behind it is counted, since then, and it is not another alert', async () => {
  using folder = temporaryFolder();
  await using town = await calmTown(folder.path);
  const relay = town.settings.nodes.find(({ id }) => id === 'relay-d');
  const near = town.sights.find(({ id }) => id === 'relay-c');
  assert.ok(relay && near?.health);
  relay.uplink = 'relay-c';
  near.health.links.push({ id: 'far', to: 'relay-d', state: 'down' });
  await town.alerts.raise({
    node: 'relay-c',
    key: 'link-down.far',
    severity: 'critical',
    since: town.clock.utc() - 10 * minute,
    detail: 'nessuna risposta da relay-d: controllare alimentazione e puntamento del ponte radio',
    from: 'node',
  });
  await town.clock.advance(minute);
  assert.match(await firstLine(town), /nessuna risposta da Peio Paese Funivia \(relay-d\)/);
  const behind = await cutOff(town, 'relay-d');
  await town.clock.advance(minute);
  assert.ok(behind.length > 0);
  assert.is(
    await firstLine(town),
    `Peio Paese Funivia guasto da 12 min: ${behind.length === 1 ? '1 sito coinvolto' : `${behind.length} siti coinvolti`}.`,
  );
});

test('all silent: the town hall is named, not the relay that most sites hang behind', async () => {
  using folder = temporaryFolder();
  await using town = await calmTown(folder.path);
  for (const sight of town.sights) {
    sight.state = 'offline';
    await town.alerts.raise({
      node: sight.id,
      key: 'node-down',
      severity: 'critical',
      detail: 'il nodo non risponde: controllare alimentazione e ponte radio',
      from: 'hub',
    });
  }
  await town.clock.advance(minute);
  assert.match(await firstLine(town), /: nessun nodo risponde, caduti tutti insieme: controllare il broker/);
  assert.match(await firstLine(town, 'en'), /: no node answers: check the broker/);
});

test('a place where somebody works, or that was put aside, is neither named nor passed over', async () => {
  using folder = temporaryFolder();
  await using town = await calmTown(folder.path);
  const now = town.clock.utc();
  await town.alerts.announceMaintenance({
    node: 'relay-c',
    from: now,
    until: now + 60 * minute,
    by: 'anna',
    reason: 'batterie',
  });
  const behind = await cutOff(town, 'relay-c');
  await town.clock.advance(minute);
  assert.not.match(await firstLine(town), 'San Rocco guasto');
  assert.match(await firstLine(town), `Nessuna notizia da ${behind.length} nodi su 19.`);

  using other = temporaryFolder();
  await using calm = await calmTown(other.path);
  const site = calm.sights.find(({ id }) => id === 'site-05');
  assert.ok(site);
  site.state = 'offline';
  // Not told yet: it may be explained.
  assert.is(await firstLine(calm), 'Nessuna notizia da 1 nodo su 19.');
  await calm.alerts.raise({
    node: 'site-05',
    key: 'node-down',
    severity: 'critical',
    detail: 'muto',
    from: 'hub',
  });
  await calm.clock.advance(minute);
  assert.match(await firstLine(calm), /\(site-05\): muto, da/);
  await calm.alerts.acknowledge('site-05/node-down', 'anna');
  assert.match(await firstLine(calm), /^1 avviso preso in carico\. Per il resto: tutto regolare/);
  await calm.alerts.shelve('site-05/node-down', 'anna', 60 * minute);
  assert.match(await firstLine(calm), /^Tutto regolare: .* Un avviso è messo da parte\.$/);
  assert.match(await firstLine(calm, 'en'), /^All is well: .* One alert is set aside\.$/);
});
