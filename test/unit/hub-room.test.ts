import * as assert from 'uvu/assert';
import { levelOf, watchRoom } from '../../deploy/hub/alarms/room-watch.ts';
import { testAlarms } from '../support/alarms.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('the room of the hub');
const mebibyte = 1024 * 1024;
const free = (megabytes: number, freeInodes = 1_000_000) => ({
  freeBytes: megabytes * mebibyte,
  freeInodes,
  totalInodes: 2_000_000,
});

test('a disk is as full as its bytes or its inodes, whichever end sooner, and a little more room is no news', () => {
  assert.is(levelOf(free(1024), 'enough'), 'enough');
  assert.is(levelOf(free(1023), 'enough'), 'warning');
  assert.is(levelOf(free(1279), 'warning'), 'warning');
  assert.is(levelOf(free(1280), 'warning'), 'enough');
  assert.is(levelOf(free(255), 'warning'), 'critical');
  assert.is(levelOf(free(319), 'critical'), 'critical');
  assert.is(levelOf(free(320), 'critical'), 'warning');
  assert.is(levelOf(free(100_000), 'critical'), 'enough');
  assert.is(levelOf(free(100_000, 999), 'enough'), 'critical');
  assert.is(levelOf(free(100_000, 1249), 'critical'), 'critical');
  assert.is(levelOf({ ...free(100_000, 0), totalInodes: 0 }, 'enough'), 'enough', 'btrfs counts none');
});

test('a disk that fills is an alarm, then a grave one, and none when there is room again', async () => {
  using folder = temporaryFolder();
  const clock = fakeClock();
  const alarms = testAlarms(folder.path, clock);
  let space = free(100_000);
  const watch = watchRoom({
    clock,
    alarms,
    space: async () => space,
    broken: (error) => {
      throw error;
    },
  });
  const standing = (): string[] =>
    alarms.raised().map(({ node, key, severity }) => `${node}/${key} ${severity}`);
  const after = async (megabytes: number): Promise<string[]> => {
    space = free(megabytes);
    await clock.advance(5000);
    return standing();
  };
  assert.equal(await after(2000), []);
  assert.equal(await after(1000), ['hub/disk-low warning']);
  assert.equal(await after(200), ['hub/disk-low critical']);
  const kinds = (): string[] => alarms.notices(0).map(({ kind }) => kind);
  assert.equal(kinds(), ['raised', 'worse']);
  assert.equal(await after(201), ['hub/disk-low critical']);
  assert.equal(await after(500), ['hub/disk-low warning']);
  assert.equal(await after(2000), []);
  assert.equal(kinds(), ['raised', 'worse', 'cleared']);
  watch.close();
  alarms.close();
  assert.is(clock.pending(), 0);
});
