import { Failure } from '#protocol/failure.ts';
import { runAgent } from '../agent.ts';
import { loadConfig } from '../config/load.ts';
import { systemClock } from '../platform/clock.ts';
import { widenDiskThreads } from '../platform/disk-threads.ts';
import { systemFiles } from '../platform/files.ts';
import { openLog } from '../platform/log.ts';
import { systemRandom } from '../platform/random.ts';
import { untilSignal } from '../platform/until-signal.ts';
import { type Command, required } from './arguments.ts';

const levels = ['debug', 'info', 'warn', 'error'];

export const runCommand: Command = {
  name: 'run',
  usage: '--config FILE [--log LEVEL]',
  summary: 'Records the cameras of a node until it is told to stop',
  words: 0,
  options: {
    config: { type: 'string', value: 'FILE', describe: 'configuration of the node (YAML)' },
    log: { type: 'string', value: 'LEVEL', describe: 'debug, info (default), warn or error' },
  },
  async run(values) {
    widenDiskThreads();
    const file = required(values, 'config');
    const level = String(values['log'] ?? 'info');
    if (!levels.includes(level))
      throw new Failure('usage', 'usage', `--log ${level}: must be ${levels.join(', ')}`);
    const log = openLog(level);
    const config = await loadConfig(file, { files: systemFiles, env: process.env });
    await untilSignal(log, (signal) =>
      runAgent(config, { files: systemFiles, clock: systemClock, random: systemRandom, log }, signal),
    );
    return 0;
  },
};
