import { join } from 'node:path';
import { Failure } from '#protocol/failure.ts';
import { publicKeyOf } from '#protocol/key.ts';
import type { AlertPayload, HealthPayload, StatePayload } from '#protocol/messages.ts';
import { parseRecipients } from '#protocol/seal/seal.ts';
import { instantText } from '#protocol/time.ts';
import { topics } from '#protocol/topics.ts';
import { alertPayload, openAlertBoard } from './alert/board.ts';
import { cameraDown } from './alert/camera-down.ts';
import { type Audit, openAudit } from './audit/audit.ts';
import { openRtspIngest } from './camera/rtsp-ingest.ts';
import { type Commands, openCommands } from './command/commands.ts';
import { probeRunner } from './command/probe.ts';
import type { Config } from './config/load.ts';
import { applyCommand } from './extract/apply.ts';
import { openCopies } from './extract/copies.ts';
import { openExtractions } from './extract/extraction.ts';
import type { Footage } from './extract/footage.ts';
import { openHolds } from './extract/holds.ts';
import { assembleHealth } from './health/assemble.ts';
import { openConnection } from './mqtt/connection.ts';
import { openStatements } from './nightly/statements.ts';
import { readBootId } from './platform/boot.ts';
import { type Clock, pause } from './platform/clock.ts';
import type { Files } from './platform/files.ts';
import { readHost } from './platform/host.ts';
import { listenHttp } from './platform/http.ts';
import { socketLocks } from './platform/lock.ts';
import type { Log } from './platform/log.ts';
import { openNet } from './platform/net.ts';
import { openNightly } from './platform/nightly.ts';
import { releasedAt, version } from './platform/node-version.ts';
import type { Random } from './platform/random.ts';
import { readTimeService } from './platform/time-service.ts';
import { openPolicy } from './policy/policy.ts';
import { openRecorder } from './recorder/recorder.ts';
import { openEvents } from './reporter/events.ts';
import { openHeads } from './reporter/heads.ts';
import { openReporter } from './reporter/reporter.ts';
import { openClockTrust, openRetention } from './retention/retention.ts';
import { openStore } from './store/store.ts';
import { openUploads } from './upload/uploads.ts';
import { type ApplyRequest, type LocalStatusPayload, localAnswer, publicAnswer } from './web/local.ts';

export interface Surroundings {
  files: Files;
  clock: Clock;
  random: Random;
  log: Log;
  /** Told once everything is open. */
  ready?(): void;
}

/** Fewer, fuller reads of the cameras' sockets: a third of the wake-ups, and no camera's kernel buffer overflows. */
const readPaceMs = 50;
/** How often cameras are looked at; see camera-down.ts for how long a fault takes. */
const lookMs = 1000;
/** MQTT 5: a will this late spares the alert of a connection that comes right back. */
const willDelaySeconds = 30;
const clockCheckMs = 60_000;

/**
 * A node from start to stop: opens every part in the order in which each needs the next, and closes them in reverse.
 * Recording needs nobody; a broker, a hub or a page that is away holds nothing up. Resolves after an orderly stop;
 * throws a `Failure` when the node cannot start, and anything else is a bug that ends the process.
 */
export async function runAgent(config: Config, around: Surroundings, stop: AbortSignal): Promise<void> {
  const { files, clock, random } = around;
  const { node, signingKey } = config;
  const dir = config.store.path;
  const log = around.log.child({ node });
  const bug = Promise.withResolvers<never>();
  const guard = <T>(work: Promise<T>): Promise<T> => {
    work.catch(bug.reject);
    return work;
  };
  await using opened = new AsyncDisposableStack();
  const ending = new AbortController();

  // What is on disk.
  const bootId = await readBootId(files);
  const sessionId = random.bytes(8).toString('hex');
  const startedAt = clock.utc();
  const segmentMs = config.store.segmentMs;
  const store = await openStore({ files, locks: socketLocks(files), clock, dir, bootId, segmentMs });
  opened.defer(() => store.close());
  for (const { camera, code, path } of store.recovered)
    log.warn({ camera, code, path }, 'put right at start');
  const audit = await openAudit({ files, clock, folder: join(dir, 'audit'), node, key: signingKey });
  opened.defer(() => audit.close());
  /** For what happened anyway: a log that does not take it is told of, and the agent goes on. */
  const record = (kind: string, fields: Parameters<Audit['append']>[1]): void => {
    audit.append(kind, fields).catch((error: unknown) => {
      if (!(error instanceof Failure)) return bug.reject(error);
      log.error({ kind, code: error.code, why: error.message }, 'an event could not be logged');
    });
  };
  const policy = await openPolicy({
    files,
    log,
    folder: dir,
    node,
    trust: config.trust,
    configured: config.policy,
    note: audit.append,
  });
  const nodeKey = publicKeyOf(signingKey);
  if (policy.current().policy.nodes.find(({ id }) => id === node)?.key.id !== nodeKey.id)
    log.error(
      { keyid: nodeKey.id },
      'the policy does not name this node with this key: the hub will not believe it',
    );
  record('start', {
    version,
    bootId,
    sessionId,
    after: store.absence?.reason ?? 'first-start',
    policyVersion: policy.current().version,
    policyHash: policy.current().hash,
  });
  opened.defer(() => record('stop', { sessionId }));
  const trust = await openClockTrust({
    clock,
    state: store.state,
    service: () => readTimeService(ending.signal),
    floor: Math.max(releasedAt, ...store.cameras().map((camera) => camera.coveredTo() ?? 0)),
  });

  // Who hears of it.
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
      clientId: node,
      will: () => ({
        topic: topics.state(node),
        payload: JSON.stringify(stateOf('offline')),
        delaySeconds: willDelaySeconds,
      }),
      clock,
      random,
      log,
    });
  const obeying = Promise.withResolvers<Commands>();
  let say = (_: AlertPayload): void => {};
  const alerts = await openAlertBoard({
    files,
    clock,
    path: join(dir, 'alerts.json'),
    changed(alert) {
      log.warn({ key: alert.key, state: alert.state, detail: alert.detail }, 'alert');
      record('alert', { key: alert.key, state: alert.state, severity: alert.severity });
      say(alertPayload(alert));
    },
    failed: (error) => log.error({ err: error }, 'alerts are not kept'),
  });
  opened.defer(() => alerts.settled());
  const raised = (): AlertPayload[] => alerts.raised().map(alertPayload);
  const reporter = bus && openReporter({ node, bus, log, state: stateOf, raised });
  let witnessed = '';
  const heads =
    bus &&
    openHeads({
      node,
      nodeKey,
      bus,
      clock,
      log,
      hubKey: () => policy.current().policy.hub.key,
      checkpoint: () => audit.checkpoint(policy.current()),
      async cosigned(cosigned) {
        trust.hubSaid(cosigned.at, clock.monotonic());
        await audit.takeCosigned(cosigned);
        const { registerSize, registerHead, policyVersion } = cosigned.statement;
        // A town hall that rewrites its register contradicts what nineteen boxes wrote down.
        if (registerHead !== witnessed) record('register-head', { size: registerSize, head: registerHead });
        witnessed = registerHead;
        if (policyVersion > policy.current().version)
          alerts.raise(
            'policy-old.node',
            'warning',
            `il nodo segue le regole ${policy.current().version}, al municipio valgono le ${policyVersion}`,
          );
        else alerts.clear('policy-old.node');
      },
    });
  if (bus && reporter && heads) {
    say = reporter.alert;
    const events = openEvents({ node, bus, source: audit, log });
    audit.onGrowth(events.grown);
    policy.onChange(heads.show);
    bus.subscribe(topics.hubPolicy, async ({ payload }) => {
      await policy.offer(payload, 'mqtt').catch((error: unknown) => {
        if (!(error instanceof Failure)) throw error;
      });
    });
    // Asked for now, since the broker hands over what waited as soon as it is connected; answered once there is
    // somebody to obey.
    bus.subscribe(topics.command(node), async ({ payload }) => {
      await (await obeying.promise).receive(payload, 'mqtt');
    });
    opened.defer(async () => {
      await heads.close();
      await reporter.goodbye();
      await bus.close();
    });
  }

  // Recording: nothing below can hold it up.
  const net = openNet(readPaceMs);
  const cameras = await Promise.all(
    config.cameras.map(async ({ id, rtsp, credentials }) => {
      const cameraLog = log.child({ camera: id });
      const recorder = openRecorder({
        store,
        camera: await store.camera(id),
        ingest: () =>
          openRtspIngest({
            url: rtsp,
            ...(credentials ? { credentials } : {}),
            clock,
            random,
            net,
            log: cameraLog,
          }),
        recipients: () => parseRecipients(policy.recipients(clock.utc())),
        clock,
        random,
        clockState: trust.state,
        segmentMs,
        onSegment: ({ file, bytes }) => cameraLog.debug({ file, bytes }, 'sealed'),
        onGap({ start, end, reason }) {
          cameraLog.info({ start: instantText(start), end: instantText(end), reason }, 'gap');
          record('gap', { camera: id, start: instantText(start), end: instantText(end), reason });
        },
        log: cameraLog,
      });
      return { id, recorder, down: cameraDown(id, alerts, clock) };
    }),
  );
  const conditions = new Set(['policy-old.node', ...cameras.map(({ id }) => `camera-down.${id}`)]);
  alerts.adopt((key) => conditions.has(key));
  // A broker may still show what an earlier store of this node raised.
  const now = { severity: 'info' as const, since: clock.utc(), detail: '', state: 'cleared' as const };
  for (const key of conditions)
    if (!alerts.raised().some((alert) => alert.key === key)) say(alertPayload({ key, ...now }));

  // What an accepted command keeps: in force before the first sweep.
  const retentionMs = Math.min(
    config.store.retentionMs,
    policy.current().policy.retentionCeilingHours * 3_600_000,
  );
  const recorderOf = (id: string) => cameras.find((camera) => camera.id === id)?.recorder;
  const footage: Footage = {
    knows: (camera) => store.cameras().some(({ id }) => id === camera),
    overlapping: store.overlapping,
    path(camera, { start, end, file }) {
      const row = store.overlapping(camera, start, end).segments.find((one) => one.file === file);
      return row && store.path(camera, row);
    },
    coveredTo: (camera) =>
      store
        .cameras()
        .find(({ id }) => id === camera)
        ?.coveredTo(),
    cutNow: async (camera) => recorderOf(camera)?.cutNow(),
    silence(camera) {
      const status = recorderOf(camera)?.status();
      return status?.state === 'recording' ? undefined : (status?.reason ?? 'no-connection');
    },
  };
  const uploads =
    config.upload &&
    (await openUploads({ files, clock, random, log, folder: join(dir, 'uploads'), ...config.upload }));
  if (uploads) opened.defer(() => uploads.close());
  const copies = openCopies(files);
  const extractions = await openExtractions({
    files,
    clock,
    log,
    folder: join(dir, 'reservations'),
    node,
    key: signingKey,
    retentionMs,
    footage,
    delivery: uploads,
    copies,
    whenCosigned: audit.whenCosigned,
  });
  const holds = await openHolds({
    files,
    clock,
    log,
    folder: join(dir, 'holds'),
    retentionMs,
    footage,
    clockTrusted: trust.trusted,
    // A hold that outlived the log could no longer be accounted for.
    latestEnd: (utcMs) => utcMs + policy.current().policy.logRetentionDays * 86_400_000,
    note: audit.append,
    // Not an alert of the node's: those are the maintainer's to see, and holds are not (Art. 6 c. 4). The hub
    // raises one for operators and officers when it reads the line.
    releasing: ({ id }, at) => record('hold-releasing', { hold: id, at: instantText(at) }),
  });
  opened.defer(() => holds.close());
  const statements = await openStatements({
    files,
    path: join(dir, 'statements.json'),
    store,
    nowUtc: clock.utc(),
    note: audit.append,
  });
  const retention = openRetention({
    store,
    clock,
    files,
    trust,
    retentionMs,
    reserve: config.store.reserve,
    kept: (...what) => extractions.reserved(...what) || holds.held(...what),
    async onSwept({ camera, cause, from, to, count, bytes, root }) {
      await audit.append('sweep', {
        camera,
        cause,
        from: instantText(from),
        to: instantText(to),
        count,
        bytes,
        root,
      });
      await statements.swept(camera, count);
    },
    log,
  });
  const dayMs = 86_400_000;
  const nightly = openNightly(
    [
      {
        name: 'statements',
        at: '00:05',
        limitMs: 600_000,
        async run() {
          if (trust.trusted()) await statements.upToDate(clock.utc());
        },
      },
      {
        name: 'log retention',
        at: '03:15',
        limitMs: 600_000,
        async run() {
          if (!trust.trusted()) return;
          const months = await audit.expire(clock.utc() - policy.current().policy.logRetentionDays * dayMs);
          if (months.length > 0) record('log-expired', { months });
        },
      },
    ],
    (name, err) => log.error({ err, name }, 'a nightly job failed'),
  );
  opened.defer(() => nightly.close());
  const checkClock = async (): Promise<void> => {
    let state = trust.state();
    while (!ending.signal.aborted) {
      await trust.check();
      if (trust.state() !== state) {
        record('clock', { before: state, now: trust.state() });
        state = trust.state();
        nightly.clockStepped();
      }
      await pause(clock, clockCheckMs, ending.signal);
    }
  };
  nightly.now('statements');
  const working = guard(
    Promise.all([
      ...cameras.map(({ recorder }) => recorder.run(ending.signal)),
      checkClock().then(() => {}),
      retention.run(ending.signal),
    ]),
  );
  opened.defer(async () => {
    ending.abort();
    await working;
  });

  // What it tells.
  let healthSeq = 0;
  const readHealth = async (): Promise<HealthPayload> => {
    const [host, space] = await Promise.all([readHost(), files.space(dir)]);
    const kept = store.cameras();
    const oldest = Math.min(...kept.map((camera) => camera.oldest()?.start ?? Number.POSITIVE_INFINITY));
    return assembleHealth({
      at: clock.utc(),
      seq: healthSeq,
      host,
      clock: trust.state(),
      store: {
        ...space,
        segments: kept.reduce((sum, camera) => sum + camera.count(), 0),
        bytes: kept.reduce((sum, camera) => sum + camera.bytes(), 0),
        oldest: Number.isFinite(oldest) ? oldest : undefined,
      },
      cameras:
        cameras.length === 0 ? undefined : cameras.map(({ id, recorder }) => ({ id, ...recorder.status() })),
      links: config.links,
      mqtt: {
        connected: bus?.connected() ?? false,
        protocol: bus?.protocol() ?? '',
        reconnects: bus?.reconnects() ?? 0,
      },
    });
  };
  const publishHealth = async (): Promise<void> => {
    healthSeq += 1;
    reporter?.health(await readHealth());
  };
  const readStatus = async (): Promise<LocalStatusPayload> => ({
    node,
    version,
    startedAt: instantText(startedAt),
    lang: config.lang,
    health: await readHealth(),
    alerts: raised(),
  });

  // What it obeys.
  const commands = await openCommands({
    files,
    clock,
    log,
    folder: join(dir, 'commands'),
    node,
    key: signingKey,
    policy: () => policy.current().policy,
    clockTrusted: trust.trusted,
    audit,
    publishStatus(id, text, retained) {
      reporter?.status(id, text, retained);
      heads?.show();
    },
    runners: {
      probe: probeRunner(publishHealth),
      extract: extractions.runner,
      hold: holds.hold,
      release: holds.release,
    },
  });
  opened.defer(() => commands.close());
  obeying.resolve(commands);

  const apply = ({ command, out }: ApplyRequest) =>
    applyCommand(
      { files, commands, copies, key: signingKey, prove: (seq) => audit.prove(seq, policy.current()) },
      Buffer.from(command, 'base64'),
      out,
      ending.signal,
    );
  const answering = {
    maxBodyBytes: 9 * 1024 * 1024,
    failed: (err: unknown) => log.error({ err }, 'a local question failed'),
  };
  const local = await listenHttp({ socket: config.socket }, localAnswer(readStatus, apply), answering);
  opened.defer(() => local.close());
  if (config.web) {
    const page = await listenHttp(config.web, publicAnswer(readStatus), answering);
    opened.defer(() => page.close());
  }

  const watching = async (): Promise<void> => {
    let publishedAt = Number.NEGATIVE_INFINITY;
    let facts = '';
    while (!stop.aborted) {
      for (const { recorder, down } of cameras) down.check(recorder.status());
      const states = cameras.map(({ recorder }) => recorder.status().state);
      const seen = JSON.stringify([
        states,
        alerts.raised().map(({ key }) => key),
        bus?.connected(),
        trust.state(),
      ]);
      if (seen !== facts || clock.monotonic() - publishedAt >= config.healthIntervalMs) {
        facts = seen;
        publishedAt = clock.monotonic();
        await publishHealth();
      }
      await pause(clock, lookMs, stop);
    }
  };
  log.info({ cameras: cameras.length, policy: policy.current().version, socket: config.socket }, 'running');
  around.ready?.();
  await Promise.race([watching(), bug.promise]);
}
