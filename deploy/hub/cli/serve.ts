import { join } from 'node:path';
import { systemClock } from '#agent/platform/clock.ts';
import { openLog } from '#agent/platform/log.ts';
import { openNotifier } from '#agent/platform/notify.ts';
import { untilSignal } from '#agent/platform/until-signal.ts';
import { Failure } from '#protocol/failure.ts';
import { openLastingHub } from '../server/lasting-hub.ts';
import { foreignSecrets } from '../server/strangers.ts';
import { keepWatched } from '../server/watched.ts';
import { readTrusted } from '../trust.ts';
import type { Command } from './command.ts';
import { unlock } from './passphrase.ts';

export const serve: Command = {
  summary: 'Runs the hub until it is stopped.',
  usage: '[options]',
  notes: 'Refuses to start where it can read a secret of an officer, an escrow or a root.',
  options: {
    'passphrase-file': {
      type: 'string',
      value: 'FILE',
      help: 'passphrase of keys/hub.key (else the credential hub-passphrase, else asked for)',
    },
    json: { type: 'boolean', help: 'when ready, one line of JSON instead of a sentence' },
    'log-level': { type: 'string', value: 'LEVEL', help: 'debug, info, warn or error (info)' },
  },
  async run(call) {
    const settings = call.settings();
    const trusted = readTrusted(call.dir);
    const foreign = foreignSecrets(call.dir, trusted.policy);
    if (settings.insecureDemo) call.terminal.note(call.texts().demo);
    else if (foreign.length > 0)
      throw new Failure(
        'denied',
        'foreign-secret',
        `the hub can read ${foreign.join(', ')}: carry them off to whom they belong, then start it again`,
      );
    const credentials = call.env['CREDENTIALS_DIRECTORY'];
    const given = credentials && join(credentials, 'hub-passphrase');
    const hubKey = await unlock(call, join(call.dir, 'keys', 'hub.key'), given);
    const level = call.option('log-level') ?? 'info';
    if (!['debug', 'info', 'warn', 'error'].includes(level))
      throw new Failure('usage', 'usage', '--log-level is debug, info, warn or error');
    const log = openLog(level);
    await untilSignal(log, async (signal) => {
      const hub = await openLastingHub({
        settings,
        trusted,
        hubKey,
        clock: systemClock,
        log,
        broken: (error) => {
          process.nextTick(() => {
            throw error;
          });
        },
      });
      const { socket, upload, page } = hub;
      call.terminal.print(
        call.flag('json')
          ? JSON.stringify({ ready: true, socket, upload, page })
          : call.texts().serving(upload, page),
      );
      const notifier = openNotifier(call.env, log);
      const watched = keepWatched(
        { clock: systemClock, log, notifier, ask: () => call.client().get('GET /status') },
        signal,
      );
      const stopped = new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        else signal.addEventListener('abort', () => resolve(), { once: true });
      });
      await Promise.race([stopped, watched.then(() => stopped)]);
      await notifier.stopping();
      await hub.close();
      await watched;
    });
    return 0;
  },
};
