import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { Bus } from '#agent/mqtt/bus.ts';
import { openLog } from '#agent/platform/log.ts';
import { systemRandom } from '#agent/platform/random.ts';
import { codeOf, Failure } from '#protocol/failure.ts';
import { openAlarmStore } from '../../deploy/hub/alarms/alarm-store.ts';
import type { Alarms } from '../../deploy/hub/alarms/alarms.ts';
import { openMailer } from '../../deploy/hub/alarms/mail.ts';
import { type AlarmSettings, alarmSettings } from '../../deploy/hub/alarms/settings.ts';
import { openWaysOut, type WaysOut, waysFor } from '../../deploy/hub/alarms/ways-out.ts';
import type { Settings } from '../../deploy/hub/settings.ts';
import { hookServer } from '../support/alarm-town.ts';
import { testAlarms } from '../support/alarms.ts';
import { eventually } from '../support/eventually.ts';
import { type FakeClock, fakeClock } from '../support/fake-clock.ts';
import { mailServer } from '../support/mail-server.ts';
import { townNodes } from '../support/simulated-town.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('ways out of the town hall', { timeoutMs: 120_000 });
const key = 'chiave-del-webhook-0123456789';
const down = {
  node: 'site-01',
  key: 'camera-down.cam-1',
  severity: 'critical',
  detail: 'non risponde: controllare il cavo',
  from: 'node',
} as const;
const minute = 60_000;

/** No broker: the alert topics wait, and nothing else does. */
const away: Bus = {
  publish: async () => {
    throw new Failure('transient', 'offline', 'no connection');
  },
  connected: () => false,
  protocol: () => '5',
  reconnects: () => 0,
  onConnect() {},
  subscribe() {},
  close: async () => {},
};

async function inWays(
  settings: Record<string, unknown>,
  body: (world: {
    clock: FakeClock;
    alarms: Alarms;
    out: WaysOut;
    passing(done: () => boolean): Promise<void>;
  }) => Promise<void>,
  folder: string,
  clock = fakeClock(),
): Promise<void> {
  const town: Settings = {
    dir: folder,
    lang: 'it',
    zone: 'Europe/Rome',
    mqtt: { url: 'mqtt://127.0.0.1:1' },
    upload: { listen: '127.0.0.1:0' },
    ...townNodes(),
    alarms: alarmSettings.parse(settings),
  };
  let out: WaysOut | undefined;
  const bugs: unknown[] = [];
  const broken = (error: unknown): void => void bugs.push(error);
  const alarms = testAlarms(folder, clock, {
    escalateMs: town.alarms.escalate,
    waysFor: (notice, now) => waysFor(town, notice, now),
    toSend: () => out?.wake(),
    changed: () => out?.changed(),
    broken,
  });
  const opened = openWaysOut({
    settings: town,
    secrets: { webhookKey: key },
    alarms,
    bus: away,
    clock,
    random: systemRandom,
    log: openLog('silent'),
    broken,
  });
  out = opened;
  const passing = (done: () => boolean): Promise<void> =>
    eventually(
      'the time to pass',
      async () => {
        if (done()) return true;
        await clock.advance(1000);
        return undefined;
      },
      60_000,
    ).then(() => {});
  try {
    await body({ clock, alarms, out: opened, passing });
  } finally {
    await opened.close();
    alarms.close();
  }
  assert.equal(bugs, []);
}

test('a webhook that refuses for two minutes is an alarm, told by mail and not by itself; nothing of it is lost', async () => {
  using folder = temporaryFolder();
  await using mail = await mailServer();
  await using hook = await hookServer(key);
  hook.status = 500;
  const settings = {
    mail: { server: `smtp://127.0.0.1:${mail.port}`, from: 'a@b.example', to: ['c@d.example'] },
    webhook: { url: hook.url, key: 'x' },
  };
  await inWays(
    settings,
    async ({ alarms, passing }) => {
      await alarms.raise(down);
      const failed = (): boolean => alarms.list().some(({ id }) => id === 'hub/delivery-failed.webhook');
      await passing(failed);
      await passing(() =>
        mail.mails.some(({ headers }) => headers['subject']?.includes('avvisi non consegnati')),
      );
      hook.status = 204;
      await passing(
        () => alarms.list().find(({ id }) => id === 'hub/delivery-failed.webhook')?.clearedAt !== undefined,
      );
      const said = hook.calls.flatMap(({ body }) =>
        body.events.map(({ event, alarm }) => `${event} ${alarm}`),
      );
      assert.equal([...new Set(said)], ['raised site-01/camera-down.cam-1']);
      assert.is(new Set(hook.calls.map(({ body }) => body.id)).size, 1, 'one piece, again and again');
    },
    folder.path,
  );
});

test('a letter that one of several does not take reaches him later, and the others once; who never takes it is told of', async () => {
  using folder = temporaryFolder();
  await using mail = await mailServer();
  const settings = {
    mail: {
      server: `smtp://127.0.0.1:${mail.port}`,
      from: 'a@b.example',
      to: ['primo@b.example', 'Secondo <secondo@b.example>'],
    },
  };
  const has = (who: string): string[] =>
    mail.mails.filter(({ to }) => to.includes(who)).map(({ headers }) => headers['message-id'] ?? '');
  await inWays(
    settings,
    async ({ alarms, passing }) => {
      const failing = () => alarms.list().find(({ id }) => id === 'hub/delivery-failed.mail');
      mail.refused.set('secondo@b.example', '450 4.2.0 greylisted');
      await alarms.raise(down);
      await passing(() => has('primo@b.example').length > 0);
      await passing(() => failing() !== undefined);
      assert.match(failing()?.detail ?? '', /risponde 450 per secondo@b\.example/);
      mail.refused.clear();
      await passing(() => has('secondo@b.example').length > 0);
      await passing(() => failing()?.clearedAt !== undefined);
      assert.equal(has('primo@b.example'), has('secondo@b.example'), 'each has the one letter, once');

      mail.refused.set('secondo@b.example', '550 5.1.1 nobody of this name');
      await alarms.raise({ ...down, key: 'camera-down.cam-2' });
      await passing(() => failing() !== undefined && failing()?.clearedAt === undefined);
      assert.match(failing()?.detail ?? '', /non tutti ricevono .* 550 per secondo@b\.example/);
      // It is not tried for ever, and what comes next goes its way.
      await alarms.raise({ ...down, key: 'camera-down.cam-3' });
      await passing(() => mail.mails.some(({ text }) => text.includes('camera-down.cam-3')));
      assert.is(has('primo@b.example').length, 3);
      assert.is(has('secondo@b.example').length, 1);
    },
    folder.path,
  );
});

test('over lives of the hub: who has a letter is not sent it again, who was put off gets it, who refused is told of', async () => {
  using folder = temporaryFolder();
  await using mail = await mailServer();
  const settings = (...more: string[]) => ({
    mail: {
      server: `smtp://127.0.0.1:${mail.port}`,
      from: 'a@b.example',
      to: ['primo@b.example', 'secondo@b.example', ...more],
    },
  });
  const has = (who: string): number => mail.mails.filter(({ to }) => to.includes(who)).length;
  const ids = (): number => new Set(mail.mails.map(({ headers }) => headers['message-id'])).size;
  const clock = fakeClock();
  mail.refused.set('secondo@b.example', '450 4.2.0 greylisted');
  mail.refused.set('terzo@b.example', '550 5.1.1 nobody of this name');
  let tried = 0;
  for (let life = 0; life < 3; life++)
    await inWays(
      settings('terzo@b.example'),
      async ({ alarms, passing }) => {
        if (life === 0) await alarms.raise(down);
        // Until it was put off in this life, too.
        const before = tried;
        await passing(() => has('primo@b.example') > 0 && mail.asked('secondo@b.example') > before);
        tried = mail.asked('secondo@b.example');
      },
      folder.path,
      clock,
    );
  assert.equal([has('primo@b.example'), mail.asked('terzo@b.example')], [1, 1], 'nobody is asked twice');
  mail.refused.delete('secondo@b.example');
  await inWays(
    settings('terzo@b.example'),
    async ({ alarms, passing }) => {
      await passing(() => has('secondo@b.example') > 0);
      // What was said in an earlier life is told at the end.
      const failing = () => alarms.list().find(({ id }) => id === 'hub/delivery-failed.mail');
      await passing(() => failing() !== undefined);
      assert.match(failing()?.detail ?? '', /non tutti ricevono .* 550 per terzo@b\.example/);
    },
    folder.path,
    clock,
  );
  assert.equal([has('primo@b.example'), has('secondo@b.example'), ids()], [1, 1, 1]);

  // Who was put off is in hub.yaml no longer: the letter is done, and holds nothing up.
  mail.refused.set('quarto@b.example', '450 4.2.0 greylisted');
  await inWays(
    settings('quarto@b.example'),
    async ({ alarms, passing }) => {
      await alarms.raise({ ...down, key: 'camera-down.cam-2' });
      await passing(() => mail.asked('quarto@b.example') > 0 && has('secondo@b.example') === 2);
    },
    folder.path,
    clock,
  );
  await inWays(
    settings(),
    async ({ alarms, passing }) => {
      await passing(() => alarms.store.waiting('mail', 10, alarms.now()).length === 0);
      await alarms.raise({ ...down, key: 'camera-down.cam-3' });
      await passing(() => mail.mails.some(({ text }) => text.includes('camera-down.cam-3')));
    },
    folder.path,
    clock,
  );
  assert.equal([has('primo@b.example'), has('secondo@b.example'), ids()], [3, 3, 3]);
});

test('who puts a letter off for ever is given up after two days of tries, and told of', async () => {
  using folder = temporaryFolder();
  const store = openAlarmStore(join(folder.path, 'alarms.sqlite'));
  await using mail = await mailServer();
  const mailer = openMailer(
    alarmSettings.parse({
      mail: { server: `smtp://127.0.0.1:${mail.port}`, from: 'a@b.example', to: ['x@b.example'] },
    }).mail as NonNullable<AlarmSettings['mail']>,
    undefined,
    undefined,
    store,
  );
  mail.refused.set('piena@b.example', '452 4.2.2 mailbox full');
  const letter = { to: ['x@b.example', 'piena@b.example'], subject: 's', text: 't', id: 'one' };
  let tries = 0;
  let taken: Awaited<ReturnType<typeof mailer.send>>;
  for (; taken === undefined && tries < 400; tries++) {
    taken = await mailer.send(letter).catch((error: unknown) => {
      assert.is(codeOf(error), 'mail-failed');
      return undefined;
    });
  }
  mailer.close();
  store.close();
  assert.is(tries, 301);
  assert.match(taken?.refused ?? '', /452 for piena@b\.example/);
  assert.equal(
    mail.mails.map(({ to }) => to),
    [['x@b.example']],
  );
});

test('what speaks of requests goes to the office alone, what nobody acknowledged to more people', async () => {
  using folder = temporaryFolder();
  await using mail = await mailServer();
  await using hook = await hookServer(key);
  const settings = {
    escalate: '30m',
    mail: {
      server: `smtp://127.0.0.1:${mail.port}`,
      from: 'a@b.example',
      to: ['manutentore@b.example'],
      escalate: ['sindaco@b.example'],
      office: ['responsabile@b.example'],
    },
    webhook: { url: hook.url, key: 'x' },
  };
  await inWays(
    settings,
    async ({ alarms, clock }) => {
      const overdue = { node: 'hub', key: 'case-overdue.1', severity: 'warning', from: 'hub' } as const;
      await alarms.raise({ ...overdue, detail: 'richiesta 2026-0001' });
      await alarms.raise(down);
      await eventually('two letters', () => mail.mails.length >= 2, 60_000);
      await clock.advance(29 * minute);
      assert.is(mail.mails.length, 2);
      while (alarms.list().every(({ escalatedAt }) => escalatedAt === undefined)) await clock.advance(1000);
      // No time passes while they are under way.
      await eventually('four letters', () => mail.mails.length >= 4, 60_000);
      const to = (word: string): string[][] =>
        mail.mails
          .filter(({ text, headers }) => `${headers['subject']}${text}`.includes(word))
          .map(({ to }) => to);
      assert.equal(to('caso da rivedere'), [['responsabile@b.example']]);
      assert.equal(to('Allarme (grave)'), [['manutentore@b.example']]);
      assert.equal(to('Non preso in carico').sort(), [['manutentore@b.example'], ['sindaco@b.example']]);
      assert.not.ok(JSON.stringify(hook.calls.map(({ body }) => body)).includes('case-overdue'));
    },
    folder.path,
  );
});

test('in a night of more warnings than are looked at at once, what is critical goes out before the morning', async () => {
  using folder = temporaryFolder();
  await using mail = await mailServer();
  const settings = {
    quiet: { from: '22:00', to: '07:00', severities: ['info', 'warning'] },
    mail: { server: `smtp://127.0.0.1:${mail.port}`, from: 'a@b.example', to: ['c@d.example'] },
  };
  // 02:00 at Peio.
  const clock = fakeClock(Date.parse('2026-01-16T01:00:00Z'));
  await inWays(
    settings,
    async ({ alarms, passing }) => {
      const at = alarms.now();
      const alarm = {
        ...down,
        severity: 'warning',
        since: at,
        raisedAt: at,
        announcedAt: at,
        raises: [at],
      } as const;
      alarms.store.keep({
        at,
        notices: Array.from({ length: 600 }, (_, i) => ({
          notice: {
            kind: 'raised' as const,
            at,
            alarm: { ...alarm, raises: [at], key: `link-lossy.l${i}` },
            explains: [],
            flapping: false,
          },
          ways: [{ way: 'mail', due: at + 5 * 60 * minute }],
        })),
      });
      await alarms.raise(down);
      await passing(() => mail.mails.length > 0);
      assert.match(mail.mails[0]?.text ?? '', /camera-down\.cam-1/);
      assert.ok(alarms.now() - at < 5 * minute, 'and not in the morning');
    },
    folder.path,
    clock,
  );
});

test('one summary a day, also when the hub starts late, and again; none twice', async () => {
  using folder = temporaryFolder();
  await using mail = await mailServer();
  const settings = {
    mail: {
      server: `smtp://127.0.0.1:${mail.port}`,
      from: 'a@b.example',
      to: ['c@d.example'],
      daily: '07:00',
    },
  };
  // 13:00 at Peio: its time is past.
  const clock = fakeClock();
  mail.mood = 'refuse';
  await inWays(settings, async ({ passing }) => passing(() => mail.tries() > 0), folder.path, clock);
  mail.mood = 'taken';
  for (let life = 0; life < 3; life++)
    await inWays(settings, async ({ passing }) => passing(() => mail.mails.length > 0), folder.path, clock);
  assert.is(mail.mails.length, 1);
  assert.match(mail.mails[0]?.headers['subject'] ?? '', /tutto regolare/);
  const early = fakeClock(Date.parse('2026-01-16T05:00:00Z'));
  await inWays(
    settings,
    async ({ alarms, passing }) => {
      await alarms.raise(down);
      await passing(() => mail.mails.some(({ text }) => text.includes('telecamera ferma')));
    },
    folder.path,
    early,
  );
  const letters = new Set(mail.mails.map(({ headers }) => headers['message-id']));
  assert.is(letters.size, 2, 'the alarm, and no summary before its time');
});
