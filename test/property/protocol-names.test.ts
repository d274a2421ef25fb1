import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { cameraId, nodeId, uuidV7 } from '#protocol/ids.ts';
import { parseSegmentName, segmentDay, segmentName } from '#protocol/segment-name.ts';
import { compactStamp, instant, instantText, parseCompactStamp } from '#protocol/time.ts';
import { parseTopic, topics } from '#protocol/topics.ts';
import { suite } from '../support/suite.ts';

const test = suite('names');
/** Up to the year 9999: beyond it ISO 8601 needs a sign. */
const utc = fc.integer({ min: 0, max: 253_402_300_799_999 });

test('times come back from every way of writing them', () => {
  fc.assert(
    fc.property(utc, (ms) => {
      assert.is(instant.parse(instantText(ms)), ms);
      assert.is(parseCompactStamp(compactStamp(ms)), ms);
      assert.is(segmentDay(ms), instantText(ms).slice(0, 10));
    }),
  );
  for (const [text, ms] of [
    ['2026-01-15T12:00:00Z', 0],
    ['2026-01-15T12:00:00.5Z', 500],
    ['2026-01-15T12:00:00.123456789Z', 123],
    ['2026-01-15T12:00:00.123456+00:00', 123],
  ] as const)
    assert.is(instant.parse(text), Date.UTC(2026, 0, 15, 12) + ms, text);
  for (const text of [
    '2026-01-15T12:00:00.000+01:00',
    '2026-01-15T12:00:00.000-00:00',
    '2026-01-15T12:00Z',
    '2026-01-15T12:00:00.Z',
    '2026-01-15T12:00:60Z',
    '2026-01-15T12:00:00.000Z ',
    '2026-02-30T12:00:00.000Z',
    '2026-01-15 12:00:00.000Z',
    '2026-01-15T24:00:00.000Z',
    '',
  ])
    assert.not.ok(instant.safeParse(text).success, text);
  for (const text of [
    '20260230T120000000Z',
    '20260115T240000000Z',
    '20260115T12000000Z',
    '20260115t120000000z',
  ])
    assert.is(parseCompactStamp(text), undefined, text);
});

test('a segment is what its name says, and no other name says anything', () => {
  const segment = fc.oneof(
    fc.record({ state: fc.constant('open' as const), start: utc }),
    fc.record({
      state: fc.constant('sealed' as const),
      start: utc,
      durationMs: fc.integer({ min: 0, max: 9_999_999_999 }),
      torn: fc.boolean(),
    }),
  );
  fc.assert(fc.property(segment, (one) => assert.equal(parseSegmentName(segmentName(one)), { ...one })));
  fc.assert(
    fc.property(fc.string({ maxLength: 60 }), (text) => {
      const parsed = parseSegmentName(text);
      if (parsed) assert.is(segmentName(parsed), text);
    }),
  );
  const good = '20260115T120000000Z-60000.mp4.age';
  assert.ok(parseSegmentName(good));
  for (const bad of [
    `../${good}`,
    `${good}.part`,
    `${good} `,
    good.replace('-60000', '-060000'),
    good.replace('-60000', '--1'),
    good.toUpperCase(),
  ])
    assert.is(parseSegmentName(bad), undefined, bad);
});

test('names of nodes and cameras are safe as path, topic and file', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 40 }), (text) => {
      for (const kind of [nodeId, cameraId])
        if (kind.safeParse(text).success) assert.match(text, /^[a-z0-9-]{1,32}$/);
    }),
  );
  for (const bad of ['', '.', '..', '-a', 'a-', 'A', 'a/b', 'a+b', 'a#', 'a b', 'a'.repeat(33), 'è'])
    assert.not.ok(nodeId.safeParse(bad).success, bad);
  for (const bad of [
    '0196e6a0-0000-4000-8000-000000000001',
    '0196E6A0-0000-7000-8000-00000000000A',
    '../0196e6a0-0000-7000-8000-00000000001',
  ])
    assert.not.ok(uuidV7.safeParse(bad).success, bad);
});

test('every topic that is made is understood, and nothing else', () => {
  const id = '0196e6a0-0000-7000-8000-000000000001';
  const made: [string, unknown][] = [
    [topics.state('site-09'), { node: 'site-09', kind: 'state' }],
    [topics.health('site-09'), { node: 'site-09', kind: 'health' }],
    [
      topics.alert('site-09', 'camera-down.cam-1'),
      { node: 'site-09', kind: 'alert', key: 'camera-down.cam-1' },
    ],
    [topics.event('site-09'), { node: 'site-09', kind: 'event' }],
    [topics.checkpoint('site-09'), { node: 'site-09', kind: 'checkpoint' }],
    [topics.cosignature('site-09'), { node: 'site-09', kind: 'cosignature' }],
    [topics.command('site-09'), { node: 'site-09', kind: 'command' }],
    [topics.commandStatus('site-09', id), { node: 'site-09', kind: 'command-status', id }],
    [topics.hubState, { node: 'hub', kind: 'state' }],
    [topics.hubPolicy, { node: 'hub', kind: 'policy' }],
  ];
  for (const [topic, parsed] of made) assert.equal(parseTopic(topic), parsed);
  for (const topic of [
    '',
    'peio/v1',
    'peio/v1//state',
    'peio/v2/site-09/state',
    'peio/v1/site-09/state/x',
    'peio/v1/site-09/command/x',
    'peio/v1/site-09/command/x/status/y',
    'peio/v1/site-09/other',
  ])
    assert.is(parseTopic(topic), undefined, topic);
});
