// A recorder in a process of its own, to be killed: node recording-child.ts DIR RECIPIENT... Prints each sealed row.

import { systemClock } from '#agent/platform/clock.ts';
import { systemFiles } from '#agent/platform/files.ts';
import { socketLocks } from '#agent/platform/lock.ts';
import { openLog } from '#agent/platform/log.ts';
import { systemRandom } from '#agent/platform/random.ts';
import { openRecorder } from '#agent/recorder/recorder.ts';
import { openStore } from '#agent/store/store.ts';
import { parseRecipients } from '#protocol/seal/seal.ts';
import { scriptedIngest } from './scripted-ingest.ts';

const [dir, ...list] = process.argv.slice(2) as [string, ...string[]];
const recipients = parseRecipients(list);
const store = await openStore({
  files: systemFiles,
  locks: socketLocks(systemFiles),
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
