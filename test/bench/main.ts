// npm run bench -- record|start|seal|sweep|upload [--cameras 14] [--mbit 4] [--fps 25] [--link 100] [--seconds 30] [--segments N]
// [--rounds 3] [--dir DIR] [--json] [--check]. What it finds goes to standard output, how it goes to standard error;
// --check exits 1 when a bar is missed.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { record, recordTable } from './record.ts';
import { seal, sealTable } from './seal.ts';
import { start, startTable } from './start.ts';
import { sweep, sweepTable } from './sweep.ts';
import { benchUpload, uploadTable } from './upload.ts';

/** Seven days of minutes from fourteen cameras. */
const weekOfSegments = 14 * 7 * 24 * 60;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    cameras: { type: 'string', default: '14' },
    mbit: { type: 'string', default: '4' },
    fps: { type: 'string', default: '25' },
    link: { type: 'string', default: '100' },
    seconds: { type: 'string', default: '30' },
    segments: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    dir: { type: 'string', default: tmpdir() },
    json: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
  },
});
const number = (name: string, text: string): number => {
  const value = Number(text);
  if (text === '' || !Number.isFinite(value) || value < 0) throw new Error(`--${name} ${text}: not a number`);
  return value;
};
const folder = mkdtempSync(join(values.dir, 'peio-bench-'));
try {
  const common = {
    footage: {
      cameras: number('cameras', values.cameras),
      mbit: number('mbit', values.mbit),
      fps: number('fps', values.fps),
      linkMbit: number('link', values.link),
    },
    folder,
    say: (text: string) => void process.stderr.write(text),
  };
  const asked = (otherwise: number): number =>
    values.segments === undefined ? otherwise : number('segments', values.segments);
  const print = (result: object, text: string): void =>
    void process.stdout.write(values.json ? `${JSON.stringify(result)}\n` : `\n${text}`);
  let bars: { met: boolean }[];
  switch (positionals[0]) {
    case 'record': {
      const seconds = number('seconds', values.seconds);
      const result = await record({ ...common, seconds, segments: asked(0) });
      print(result, recordTable(result));
      bars = Object.values(result.bars);
      break;
    }
    case 'start': {
      const rounds = number('rounds', values.rounds);
      const result = await start({ ...common, rounds, segments: asked(weekOfSegments) });
      print(result, startTable(result));
      bars = Object.values(result.bars);
      break;
    }
    case 'seal': {
      const result = await seal({ rounds: number('rounds', values.rounds) });
      print(result, sealTable(result));
      bars = Object.values(result.bars);
      break;
    }
    case 'sweep': {
      const { cameras } = common.footage;
      const result = await sweep({ ...common, cameras, segments: asked(weekOfSegments) });
      print(result, sweepTable(result));
      bars = Object.values(result.bars);
      break;
    }
    case 'upload': {
      const result = await benchUpload(common);
      print(result, uploadTable(result));
      bars = Object.values(result.bars);
      break;
    }
    default:
      process.stderr.write(
        'npm run bench -- record|start|seal|sweep|upload [--cameras N] [--mbit N] [--seconds N] [--json]\n',
      );
      process.exitCode = 64;
      bars = [];
  }
  if (values.check && bars.some(({ met }) => !met)) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
