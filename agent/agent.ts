import { join } from 'node:path';
import { sha256 } from '#protocol/envelope.ts';
import { Failure, sentenceOf } from '#protocol/failure.ts';
import { publicKeyOf } from '#protocol/key.ts';
import type { AlertPayload, HealthPayload, StatePayload } from '#protocol/messages.ts';
import { type Policy, recipientsFor, verifyPolicy } from '#protocol/policy.ts';
import { parseRecipients } from '#protocol/seal/seal.ts';
import { instantText } from '#protocol/time.ts';
import { topics } from '#protocol/topics.ts';
import { alertPayload, openAlertBoard } from './alert/board.ts';
import { cameraDown } from './alert/camera-down.ts';
import { type Audit, openAudit } from './audit/audit.ts';
import { openRtspIngest } from './camera/rtsp-ingest.ts';
import type { Config } from './config/load.ts';
import { ConfigFailure } from './config/problems.ts';
import { assembleHealth, type CameraReading } from './health/assemble.ts';
import { openConnection } from './mqtt/connection.ts';
import { readBootId } from './platform/boot.ts';
import { type Clock, pause } from './platform/clock.ts';
import type { Files } from './platform/files.ts';
import { readHost } from './platform/host.ts';
import { listenHttp } from './platform/http.ts';
import { socketLocks } from './platform/lock.ts';
import type { Log } from './platform/log.ts';
import { openNet } from './platform/net.ts';
import { version } from './platform/node-version.ts';
import type { Random } from './platform/random.ts';
import { openRecorder, type Recorder } from './recorder/recorder.ts';
import { openEvents } from './reporter/events.ts';
import { openHeads } from './reporter/heads.ts';
import { openReporter } from './reporter/reporter.ts';
import { openStore } from './store/store.ts';
import { type LocalStatusPayload, localAnswer, publicAnswer } from './web/local.ts';

export interface Surroundings {
  files: Files;
  clock: Clock;
  random: Random;
  log: Log;
}

/** Fewer, fuller reads of the cameras' sockets: a third of the wake-ups, and no camera's kernel buffer overflows. */
const readPaceMs = 50;
/** How often a camera's sight is judged; see camera-down.ts for how long a fault takes. */
const lookMs = 1000;
/** MQTT 5: a will this late spares the alert of a connection that comes right back. */
const willDelaySeconds = 30;

/**
 * A node from start to stop: opens every part in the order in which each needs the next, and closes them in reverse.
 * Recording comes first and needs nobody; a broker, a hub or a page that is away holds nothing up. Resolves after an
 * orderly stop; throws a `Failure` when the node cannot start, and anything else is a bug.
 */
export async function runAgent(config: Config, around: Surroundings, signal: AbortSignal): Promise<void> {
  const { files, clock, random } = around;
  const log = around.log.child({ node: config.node });
  const bug = Promise.withResolvers<never>();
  const guard = (work: Promise<unknown>): void => void work.catch(bug.reject);
  await using opened = new AsyncDisposableStack();

  const nodeKey = publicKeyOf(config.signingKey);
  const policy = firstPolicy(config);
  const policyHash = sha256(config.policy);
  const bootId = await readBootId(files);
  const sessionId = random.bytes(8).toString('hex');
  const startedAt = clock.utc();

  const store = await openStore({
    files,
    locks: socketLocks(files),
    clock,
    dir: config.store.path,
    bootId,
    segmentMs: config.store.segmentMs,
  });
  opened.defer(() => store.close());
  for (const { camera, code, path } of store.recovered)
    log.warn({ camera, code, path }, 'put right at start');

  const audit = await openAudit({
    files,
    clock,
    folder: join(config.store.path, 'audit'),
    node: config.node,
    key: config.signingKey,
  });
  opened.defer(() => audit.close());
  const record = (kind: string, fields: Parameters<Audit['append']>[1]): void => {
    audit.append(kind, fields).catch((error: unknown) => {
      if (!(error instanceof Failure)) return bug.reject(error);
      log.error({ kind, code: error.code, why: error.message }, 'an event could not be logged');
    });
  };
  record('start', {
    version,
    bootId,
    sessionId,
    after: store.absence?.reason ?? 'first-start',
    policyVersion: policy.version,
    policyHash,
  });
  opened.defer(() => record('stop', { sessionId }));

  let say = (_: AlertPayload): void => {};
  const alerts = await openAlertBoard({
    files,
    clock,
    path: join(config.store.path, 'alerts.json'),
    changed(alert) {
      log.warn({ key: alert.key, state: alert.state, detail: alert.detail }, 'alert');
      record('alert', { key: alert.key, state: alert.state, severity: alert.severity });
      say(alertPayload(alert));
    },
    failed: (error) => log.error({ err: error }, 'alerts are not kept'),
  });
  opened.defer(() => alerts.settled());

  const stateOf = (state: StatePayload['state']): StatePayload => ({
    state,
    bootId,
    sessionId,
    version,
    at: instantText(clock.utc()),
  });
  const bus =
    config.mqtt &&
    openConnection({
      ...config.mqtt,
      clientId: config.node,
      will: () => ({
        topic: topics.state(config.node),
        payload: JSON.stringify(stateOf('offline')),
        delaySeconds: willDelaySeconds,
      }),
      clock,
      random,
      log,
    });
  const reporter =
    bus &&
    openReporter({
      node: config.node,
      bus,
      log,
      state: stateOf,
      raised: () => alerts.raised().map(alertPayload),
    });
  if (bus && reporter) {
    say = reporter.alert;
    opened.defer(async () => {
      await reporter.goodbye();
      await bus.close();
    });
  }

  const net = openNet(readPaceMs);
  const recipients = () => parseRecipients(recipientsFor(policy, config.node, clock.utc()));
  const cameras = await Promise.all(
    config.cameras.map(async (camera) => {
      const cameraLog = log.child({ camera: camera.id });
      const recorder = openRecorder({
        store,
        camera: await store.camera(camera.id),
        ingest: () =>
          openRtspIngest({
            url: camera.rtsp,
            ...(camera.credentials ? { credentials: camera.credentials } : {}),
            clock,
            random,
            net,
            log: cameraLog,
          }),
        recipients,
        clock,
        random,
        clockState: () => 'unknown',
        segmentMs: config.store.segmentMs,
        onSegment: ({ file, durationMs, bytes }) => cameraLog.debug({ file, durationMs, bytes }, 'sealed'),
        onGap(gap) {
          cameraLog.info({ gap }, 'gap');
          record('gap', {
            camera: camera.id,
            start: instantText(gap.start),
            end: instantText(gap.end),
            reason: gap.reason,
          });
        },
        log: cameraLog,
      });
      return { id: camera.id, recorder, down: cameraDown(camera.id, alerts, clock) };
    }),
  );
  const stopRecording = new AbortController();
  const recording = Promise.all(cameras.map(({ recorder }) => recorder.run(stopRecording.signal)));
  guard(recording);
  opened.defer(async () => {
    stopRecording.abort();
    await recording;
  });
  alerts.adopt((key) => cameras.some(({ id }) => key === `camera-down.${id}`));

  let healthSeq = 0;
  const readHealth = async (): Promise<HealthPayload> => {
    const [host, space] = await Promise.all([readHost(), files.space(config.store.path)]);
    const kept = store.cameras();
    const oldest = Math.min(...kept.map((camera) => camera.oldest()?.start ?? Number.POSITIVE_INFINITY));
    return assembleHealth({
      at: clock.utc(),
      seq: healthSeq,
      host,
      clock: 'unknown',
      store: {
        freeBytes: space.freeBytes,
        totalBytes: space.totalBytes,
        segments: kept.reduce((sum, camera) => sum + camera.count(), 0),
        bytes: kept.reduce((sum, camera) => sum + camera.bytes(), 0),
        oldest: Number.isFinite(oldest) ? oldest : undefined,
      },
      cameras: cameras.length === 0 ? undefined : cameras.map(readCamera),
      links: config.links,
      mqtt: {
        connected: bus?.connected() ?? false,
        protocol: bus?.protocol() ?? '',
        reconnects: bus?.reconnects() ?? 0,
      },
    });
  };
  const readStatus = async (): Promise<LocalStatusPayload> => ({
    node: config.node,
    version,
    startedAt: instantText(startedAt),
    lang: config.lang,
    health: await readHealth(),
    alerts: alerts.raised().map(alertPayload),
  });
  const failedAnswer = (error: unknown): void =>
    log.error({ err: error }, 'a local question went unanswered');
  const local = await listenHttp({ socket: config.socket }, localAnswer(readStatus), {
    maxBodyBytes: 1024,
    failed: failedAnswer,
  });
  opened.defer(() => local.close());
  if (config.web) {
    const page = await listenHttp(config.web, publicAnswer(readStatus), {
      maxBodyBytes: 1024,
      failed: failedAnswer,
    });
    opened.defer(() => page.close());
  }

  if (bus && reporter) {
    const events = openEvents({ node: config.node, bus, source: audit, log });
    audit.onGrowth(events.grown);
    const heads = openHeads({
      node: config.node,
      nodeKey,
      bus,
      clock,
      log,
      hubKey: () => policy.hub.key,
      checkpoint: () => audit.checkpoint({ hash: policyHash, version: policy.version }),
      cosigned: (cosigned) => audit.takeCosigned(cosigned),
    });
    opened.defer(() => heads.close());
  }

  const watching = (async () => {
    let published = Number.NEGATIVE_INFINITY;
    let facts = '';
    while (!signal.aborted) {
      for (const { recorder, down } of cameras) down.check(recorder.status());
      const now = clock.monotonic();
      const seen = JSON.stringify([
        cameras.map(({ recorder }) => recorder.status().state),
        alerts.raised().map(({ key }) => key),
        bus?.connected(),
      ]);
      if (seen !== facts || now - published >= config.healthIntervalMs) {
        facts = seen;
        published = now;
        healthSeq += 1;
        reporter?.health(await readHealth());
      }
      await pause(clock, lookMs, signal);
    }
  })();
  guard(watching);
  opened.defer(() => watching);

  log.info({ cameras: cameras.length, policy: policy.version, socket: config.socket }, 'running');
  const stopped = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await Promise.race([stopped, bug.promise]);
}

/** The first policy is part of the configuration: one that does not verify is a configuration that is wrong. */
function firstPolicy(config: Config): Policy {
  try {
    return verifyPolicy(config.policy, config.trust);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw new ConfigFailure('configuration', [{ path: 'policy', message: sentenceOf(error) }]);
  }
}

function readCamera({ id, recorder }: { id: string; recorder: Recorder }): CameraReading {
  return { id, ...recorder.status() };
}
