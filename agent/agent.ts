import { openKeeping } from './assembly/keeping.ts';
import { openMemory } from './assembly/memory.ts';
import type { Life, Surroundings } from './assembly/node.ts';
import { obey } from './assembly/obedience.ts';
import { openRecording, startRecording } from './assembly/recording.ts';
import { showPage } from './assembly/showing.ts';
import { openSight } from './assembly/sight.ts';
import { openVoice } from './assembly/voice.ts';
import { openWatching } from './assembly/watching.ts';
import type { Config } from './config/config.ts';
import { feedWatchdog, openPulse } from './lifecycle/watchdog.ts';
import { readBootId } from './platform/boot.ts';
import { listenHttp } from './platform/http.ts';
import { openNotifier } from './platform/notify.ts';
import { localAnswer } from './web/local.ts';

/** A command of the largest size in Base64, and its envelope. */
const maxQuestionBytes = 9 * 1024 * 1024;
/** The look at everything comes every second; a disk that hangs may hold one up for a while. */
const lookLimitMs = 60_000;

/**
 * A node from start to stop: opens every part in the order in which each needs the next, and closes them in reverse.
 * Recording needs nobody; a broker, a hub or a page that is away holds nothing up. Resolves after an orderly stop;
 * throws a `Failure` when the node cannot start, and anything else is a bug that ends the process.
 */
export async function runAgent(config: Config, around: Surroundings, stop: AbortSignal): Promise<void> {
  const log = around.log.child({ node: config.node });
  const bug = Promise.withResolvers<never>();
  await using scope = new AsyncDisposableStack();
  const life: Life = {
    ...around,
    log,
    config,
    scope,
    ending: new AbortController(),
    bootId: await readBootId(around.files),
    sessionId: around.random.bytes(8).toString('hex'),
    startedAt: around.clock.utc(),
    bug: bug.reject,
  };

  const memory = await openMemory(life);
  const voice = await openVoice(life, memory);
  const cameras = await openRecording(life, memory, () => keeping.retention.sweepNow());
  const keeping = await openKeeping(life, memory, cameras);
  startRecording(life, cameras);
  const watching = openWatching(life, memory, voice, cameras, keeping);
  const sight = openSight(life, memory, voice, cameras, watching);
  const apply = await obey(life, memory, voice, keeping, sight);

  const answering = {
    maxBodyBytes: maxQuestionBytes,
    failed: (err: unknown) => log.error({ err }, 'a local question failed'),
  };
  const local = await listenHttp({ socket: config.socket }, localAnswer(sight, life.clock, apply), answering);
  scope.defer(() => local.close());
  showPage(life, sight);

  const notifier = openNotifier(process.env, log);
  const status = (): string => {
    const recording = cameras.filter(({ recorder }) => recorder.status().state === 'recording').length;
    return `${recording} of ${cameras.length} cameras recording`;
  };
  const looks = openPulse(life.clock);
  const signs = () => [{ name: 'the look at cameras', idleMs: looks.idleMs(), limitMs: lookLimitMs }];
  log.info(
    { cameras: cameras.length, policy: memory.policy.current().version, socket: config.socket },
    'running',
  );
  around.ready?.();
  await notifier.ready(status());
  const running = Promise.all([
    sight.watch(stop, looks.beat),
    feedWatchdog({ clock: life.clock, log, notifier, signs, status }, stop),
  ]);
  await Promise.race([running, bug.promise]);
  await notifier.stopping();
}
