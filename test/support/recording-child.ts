// A recorder in a process of its own, to be killed: node recording-child.ts DIR SYNC-MS RECIPIENT... Prints each sealed
// row. Each sync takes SYNC-MS longer, as on a slow disk: a kill then meets segments in the middle of being sealed.

import { pause, systemClock } from '#agent/platform/clock.ts';
import { type Files, systemFiles } from '#agent/platform/files.ts';
import { storeLocks } from '#agent/platform/lock.ts';
import { openLog } from '#agent/platform/log.ts';
import { systemRandom } from '#agent/platform/random.ts';
import { openRecorder } from '#agent/recorder/recorder.ts';
import { openStore } from '#agent/store/store.ts';
import { parseRecipients } from '#protocol/seal/seal.ts';
import { scriptedIngest } from './scripted-ingest.ts';

const [dir, syncMs, ...list] = process.argv.slice(2) as [string, string, ...string[]];
const slowly = () => pause(systemClock, Number(syncMs), new AbortController().signal);
const files: Files = {
  ...systemFiles,
  async open(path, how) {
    const file = await systemFiles.open(path, how);
    return { ...file, sync: () => slowly().then(file.sync) };
  },
  syncFolder: (path) => slowly().then(() => systemFiles.syncFolder(path)),
};
const recipients = parseRecipients(list);
const store = await openStore({
  files,
  locks: storeLocks(systemFiles),
  clock: systemClock,
  dir,
  bootId: 'boot-1',
  segmentMs: 400,
});
const camera = await store.camera('cam-1');
const recorder = openRecorder({
  store,
  camera,
  ingest: scriptedIngest(systemClock, [[{ do: 'send', count: 100_000, gopMs: 40, bytes: 30_000 }]]),
  recipients: () => recipients,
  clock: systemClock,
  random: systemRandom,
  clockState: () => 'unknown',
  segmentMs: 400,
  onSegment: (row) => process.stdout.write(`${JSON.stringify(row)}\n`),
  onGap: () => {},
  log: openLog('silent'),
});
process.stdout.write('"recording"\n');
await recorder.run(new AbortController().signal);
