import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { type Alert, type AlertBoard, openAlertBoard } from '#agent/alert/board.ts';
import type { Condition } from '#agent/alert/condition.ts';
import { conditions } from '#agent/alert/conditions.ts';
import { openConditions } from '#agent/alert/open-conditions.ts';
import { conditionsPage } from '#agent/alert/words.ts';
import { systemFiles } from '#agent/platform/files.ts';
import { type FakeClock, fakeClock } from '../support/fake-clock.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('conditions');
const rows = Object.entries<Condition>(conditions);

/** A board in a folder of its own; the test waits for its disk before the folder goes. */
function folderTest(
  title: string,
  body: (open: (clock?: FakeClock) => ReturnType<typeof openIn>) => Promise<void>,
) {
  test(title, async () => {
    using folder = temporaryFolder();
    const boards: { board: AlertBoard; failures: unknown[] }[] = [];
    try {
      await body(async (clock) => {
        const opened = await openIn(folder.path, clock);
        boards.push(opened);
        return opened;
      });
    } finally {
      for (const { board } of boards) await board.settled();
    }
    assert.equal(
      boards.flatMap(({ failures }) => failures),
      [],
    );
  });
}

async function openIn(folder: string, clock = fakeClock()) {
  const alerts: Alert[] = [];
  const failures: unknown[] = [];
  const board = await openAlertBoard({
    files: systemFiles,
    clock,
    path: join(folder, 'alerts.json'),
    changed: (alert) => alerts.push(alert),
    failed: (error) => failures.push(error),
  });
  const said = (): string[] =>
    alerts.map(({ key, state, reason }) => `${key} ${state}${state === 'raised' ? ` ${reason}` : ''}`);
  return { board, failures, conditions: openConditions({ board, clock, lang: 'it' }), alerts, said, clock };
}

test('the page of all conditions is the one the tables make', () => {
  const page = readFileSync(new URL('../../agent/alert/conditions.md', import.meta.url), 'utf8');
  // A formatter may align the columns.
  const plain = (text: string): string => text.replaceAll(/ +/g, ' ').replaceAll(/-{3,}/g, '---');
  assert.ok(plain(page) === plain(conditionsPage()), 'run test/unit/alert-table-make.ts');
});

test('every condition is whole: words in both languages with the same values, explanations that exist', () => {
  const values = (text: string): string[] =>
    [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name as string).sort();
  for (const [name, { reasons, explainedBy, when, name: title }] of rows) {
    assert.match(name, /^[a-z][a-z-]{2,30}$/);
    assert.ok(when.length > 10 && title.it && title.en, name);
    assert.ok(Object.keys(reasons).length > 0, name);
    for (const [reason, words] of Object.entries(reasons)) {
      assert.equal(values(words.it), values(words.en), `${name} ${reason}`);
      assert.ok(words.it.length <= 200, `${name} ${reason}`);
    }
    for (const other of explainedBy ?? []) assert.ok(Object.hasOwn(conditions, other), `${name}: ${other}`);
  }
});

folderTest(
  'raised after its time without interruption, cleared after its time without interruption',
  async (open) => {
    const { conditions, said, alerts, clock } = await open();
    const watch = conditions.watch('overheating');
    const begun = clock.utc();
    const failing = () => watch.failing('hot', { celsius: 91.26 });
    failing();
    await clock.advance(59_000);
    failing();
    assert.equal(said(), []);
    await clock.advance(1000);
    failing();
    assert.equal(said(), ['overheating.node raised hot']);
    assert.is(alerts[0]?.since, begun, 'since the first failing reading');
    assert.match(alerts[0]?.detail ?? '', /91,3 °C/);
    watch.ok();
    await clock.advance(299_000);
    watch.ok();
    failing();
    watch.ok();
    await clock.advance(299_000);
    watch.ok();
    assert.is(said().length, 1, 'one failing reading starts the wait over');
    await clock.advance(1000);
    watch.ok();
    assert.equal(said().slice(1), ['overheating.node cleared']);
  },
);

folderTest('what nobody can tell raises nothing and clears nothing', async (open) => {
  const { conditions, said, clock } = await open();
  const watch = conditions.watch('overheating');
  watch.failing('hot', { celsius: 91 });
  await clock.advance(50_000);
  watch.unknown();
  await clock.advance(50_000);
  watch.failing('hot', { celsius: 91 });
  assert.equal(said(), [], 'its failing was not seen all the while');
  await clock.advance(60_000);
  watch.failing('hot', { celsius: 91 });
  assert.is(said().length, 1);
  for (let i = 0; i < 20; i++) {
    watch.unknown();
    await clock.advance(60_000);
  }
  assert.is(said().length, 1);
  assert.equal(
    conditions.standing().map(({ key, state, raised }) => [key, state, raised]),
    [['overheating.node', 'unknown', true]],
  );
});

folderTest(
  'what comes and goes is said to do so once, stays raised, and clears after a long quiet',
  async (open) => {
    const { conditions, said, alerts, clock } = await open();
    const watch = conditions.watch('camera-down', 'cam-1');
    for (let i = 0; i < 12; i++) {
      watch.failing('no-data');
      await clock.advance(30_000);
      watch.ok();
      await clock.advance(3000);
      watch.ok();
    }
    assert.is(said().length, 7, 'three raised and cleared, the fourth stays');
    assert.match(alerts[6]?.detail ?? '', /^va e viene, 4 volte/);
    assert.ok(conditions.standing()[0]?.flapping);
    await clock.advance(14 * 60_000);
    watch.ok();
    assert.is(said().length, 7);
    await clock.advance(60_000);
    watch.ok();
    assert.equal(said().slice(7), ['camera-down.cam-1 cleared']);
    // An hour later it begins anew.
    await clock.advance(3_600_000);
    watch.failing('no-data');
    assert.not.match(alerts[8]?.detail ?? '', /va e viene/);
  },
);

folderTest(
  'a cause takes back what it explains, and that has to fail anew once the cause is gone',
  async (open) => {
    const { conditions, said, clock } = await open();
    const down = conditions.watch('link-down', 'uplink');
    const lossy = conditions.watch('link-lossy', 'uplink');
    const other = conditions.watch('link-lossy', 'radio');
    const look = async (seconds: number): Promise<void> => {
      for (let i = 0; i < seconds; i += 10) {
        lossy.failing('loss', { percent: 20, to: 'relay-c' });
        other.failing('loss', { percent: 20, to: 'relay-b' });
        await clock.advance(10_000);
      }
    };
    await look(70);
    down.failing('no-answer', { to: 'relay-c' });
    await look(120);
    assert.equal(said(), [
      'link-lossy.uplink raised loss',
      'link-lossy.radio raised loss',
      'link-down.uplink raised no-answer',
      'link-lossy.uplink cleared',
    ]);
    down.ok();
    await clock.advance(10_000);
    down.ok();
    await look(50);
    assert.equal(said().slice(4), ['link-down.uplink cleared']);
    await look(30);
    assert.equal(said().slice(5), ['link-lossy.uplink raised loss']);
  },
);

folderTest('the store explains every camera, each camera only itself', async (open) => {
  const { conditions, said, clock } = await open();
  const [one, two] = ['cam-1', 'cam-2'].map((id) => conditions.watch('camera-unsealed', id));
  conditions.watch('camera-down', 'cam-1').failing('no-data');
  one?.failing('no-segment');
  two?.failing('no-segment');
  assert.equal(said(), ['camera-down.cam-1 raised no-data', 'camera-unsealed.cam-2 raised no-segment']);
  const disk = conditions.watch('disk-error');
  disk.failing('disk-error');
  await clock.advance(4000);
  disk.failing('disk-error');
  assert.equal(said().slice(2), [
    'disk-error.store raised disk-error',
    'camera-unsealed.cam-2 cleared',
    'camera-down.cam-1 cleared',
  ]);
});

folderTest('another reason is said when it lasts, at once when it is worse', async (open) => {
  const { conditions, said, alerts, clock } = await open();
  const down = conditions.watch('camera-down', 'cam-1');
  down.failing('no-data');
  for (let i = 0; i < 30; i++) {
    down.failing(i % 2 ? 'no-data' : 'no-connection');
    await clock.advance(10_000);
  }
  assert.is(said().length, 1, 'wavering between two');
  for (let i = 0; i <= 6; i++) {
    down.failing('auth-failed');
    await clock.advance(10_000);
  }
  assert.equal(said().slice(1), ['camera-down.cam-1 raised auth-failed']);
  assert.is(alerts[0]?.since, alerts[1]?.since);

  const filling = conditions.watch('short-retention');
  filling.failing('short', { hours: 100, wanted: 168 });
  await clock.advance(600_000);
  filling.failing('short', { hours: 90, wanted: 168 });
  filling.failing('nearly-none', { hours: 20, wanted: 168 });
  assert.equal(
    alerts.slice(2).map(({ severity }) => severity),
    ['warning', 'critical'],
  );
});

folderTest(
  'what was raised before a restart is not raised again, and clears when it is over',
  async (open) => {
    const first = await open();
    first.conditions.watch('camera-down', 'cam-1').failing('no-data');
    first.conditions.watch('camera-down', 'cam-2').failing('no-data');
    await first.board.settled();
    const second = await open(first.clock);
    const watch = second.conditions.watch('camera-down', 'cam-1');
    second.conditions.adopt();
    assert.equal(second.said(), ['camera-down.cam-2 cleared'], 'nobody watches it any more');
    watch.failing('no-data');
    await second.clock.advance(1000);
    assert.is(second.said().length, 1);
    watch.ok();
    await second.clock.advance(2000);
    watch.ok();
    assert.equal(second.said().slice(1), ['camera-down.cam-1 cleared']);
  },
);

folderTest(
  'for any readings at any time: raises and clears alternate, never before their time',
  async (open) => {
    const reading = fc.record({
      state: fc.constantFrom('ok', 'failing', 'unknown'),
      afterMs: fc.integer({ min: 0, max: 30_000 }),
      stepMs: fc.constantFrom(0, 0, 0, 86_400_000, -86_400_000),
    });
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(reading, { maxLength: 60 }), async (readings) => {
        const { conditions, alerts, clock, board } = await open();
        await using _ = { [Symbol.asyncDispose]: () => board.settled() };
        const watch = conditions.watch('link-down', `l-${run++}`);
        let okSince: number | undefined;
        for (const { state, afterMs, stepMs } of readings) {
          const before = alerts.length;
          if (state === 'ok') watch.ok();
          else if (state === 'unknown') watch.unknown();
          else watch.failing('no-answer', { to: 'x' });
          okSince = state === 'ok' ? (okSince ?? clock.monotonic()) : undefined;
          for (const alert of alerts.slice(before)) {
            assert.is(alert.state, alerts.indexOf(alert) % 2 === 0 ? 'raised' : 'cleared');
            if (alert.state === 'cleared') {
              assert.is(state, 'ok');
              assert.ok(clock.monotonic() - (okSince ?? Number.NaN) >= 10_000, 'the time of link-down');
            } else assert.is(state, 'failing');
          }
          assert.ok(alerts.length - before <= 1);
          clock.stepUtc(stepMs);
          await clock.advance(afterMs);
        }
      }),
      { numRuns: 40 },
    );
  },
);
