import type { Fragment, FragmentSink, Ingest, Track } from '#agent/camera/ingest.ts';
import { retime } from '#agent/camera/retime.ts';
import { supervise } from '#agent/lifecycle/supervise.ts';
import type { Clock, MonotonicMs } from '#agent/platform/clock.ts';
import type { Log } from '#agent/platform/log.ts';
import type { Random } from '#agent/platform/random.ts';
import type { CameraStore, GapRow, SegmentRow, Store } from '#agent/store/store.ts';
import type { ClockState } from '#protocol/clock-state.ts';
import { codeOf, type Failure } from '#protocol/failure.ts';
import { type GapReason, gapReason } from '#protocol/gap.ts';
import { openSealer, type Recipients } from '#protocol/seal/seal.ts';
import { openCoverage } from './coverage.ts';
import { coverageStart } from './coverage-start.ts';
import { emptyRates } from './rates.ts';
import type { RecorderStatus } from './recorder-status.ts';
import { cameraRetries } from './retries.ts';
import { openRun, type RunClock } from './run-clock.ts';
import { openWriter, type SegmentWriter } from './segment-writer.ts';
import { spareSeals } from './spare-seals.ts';

export type { RecorderStatus };

export interface RecorderParts {
  store: Store;
  camera: CameraStore;
  ingest: () => Ingest;
  recipients: () => Recipients;
  clock: Clock;
  random: Random;
  clockState: () => ClockState;
  /** Segments are cut at the keyframe nearest to this length. */
  segmentMs: number;
  /** Told after the ledger line is on stable storage. */
  onSegment(row: SegmentRow): void;
  onGap(row: GapRow): void;
  log: Log;
}

export interface Recorder {
  /** Lives until `signal` aborts, then seals what is open. */
  run(signal: AbortSignal): Promise<void>;
  status(): RecorderStatus;
  /** Seals the open segment as soon as it holds this moment, after 30 s as it stands; resolves when it is sealed. */
  cutNow(): Promise<void>;
}

/** What a slow disk may hold back per camera: 8 s of the fastest camera (16 Mbit/s). */
const maxInFlightBytes = 16 * 1024 * 1024;
/** Segments that wait for their ledger line: beyond it the disk takes bytes and refuses the ledger. */
const maxFinishing = 4;
const cutDeadlineMs = 30_000;
const healthyMs = 30_000;
/** After the disk refused. */
const diskRetryMs = 2000;

export function openRecorder(parts: RecorderParts): Recorder {
  const { store, camera, clock, log } = parts;
  const spares = spareSeals(parts.recipients, parts.random);
  const rates = emptyRates();
  /** Segments being finished, the open one excluded. */
  const finishing = new Map<SegmentWriter, Promise<void>>();
  /** Segments and gaps are entered and told in the order of their times. */
  let entered: Promise<void> = Promise.resolve();
  let track: Track | undefined;
  let session: Ingest | undefined;
  let run: { clock: RunClock; first: number } | undefined;
  let open:
    | { writer: SegmentWriter; start: number; startedAt: MonotonicMs; baseTicks: number; fragments: number }
    | undefined;
  /** End of the last segment of the run, where the next one starts. */
  let joint: number | undefined;
  let lastEndedAt: MonotonicMs | undefined;
  let splitGops = false;
  let blocked: { until: number } | undefined;
  let cuts: { at: MonotonicMs; done: PromiseWithResolvers<void> }[] = [];
  let state: RecorderStatus['state'] = 'connecting';
  let reason: GapReason | undefined;
  let since: number = clock.utc();
  let droppedFragments = 0;
  let lostBefore = 0;
  let newestSegment = camera.newest()?.end;

  const become = (next: RecorderStatus['state'], why?: GapReason): void => {
    if (next !== state) since = clock.utc();
    state = next;
    reason = why;
    if (next !== 'recording') rates.clear();
  };
  const writeGap = (gap: GapRow): void => {
    entered = entered
      .then(() => camera.addGap(gap))
      .then(
        () => parts.onGap(gap),
        (err: unknown) => {
          if (codeOf(err) === 'unknown') throw err;
          log.error({ err, gap }, 'a gap could not be entered: the next start covers it');
        },
      );
  };
  const rememberOpenGap = (gap: { start: number; reason: GapReason } | undefined): void => {
    const saved = store.state.update((value) => {
      if (gap === undefined) delete value.openGaps[camera.id];
      else value.openGaps[camera.id] = { ...gap };
    });
    saved.catch((err: unknown) => log.error({ err }, 'an interruption under way could not be noted'));
  };
  const coverage = openCoverage(clock, coverageStart(parts, writeGap), rememberOpenGap, (gap, stepped) => {
    // A label that stepped forward would spread the gap over what other lives recorded.
    const start =
      stepped || gap.reason === 'clock-step'
        ? Math.max(gap.start, camera.coveredTo() ?? gap.start)
        : gap.start;
    if (start < gap.end) writeGap({ ...gap, start });
  });

  const inFlightBytes = (): number => {
    let bytes = open?.writer.inFlightBytes ?? 0;
    for (const writer of finishing.keys()) bytes += writer.inFlightBytes;
    return bytes;
  };

  /** Ends the open segment at `end` and finishes it in the background; `after` learns what was kept. */
  const close = (end: number, after?: (row: SegmentRow | undefined) => void): void => {
    if (open === undefined) return;
    const { writer, start } = open;
    open = undefined;
    joint = end;
    const waiting = cuts;
    cuts = [];
    writer.last();
    const finished = entered
      .then(() => writer.finish(end))
      .catch((err: unknown) => {
        if (codeOf(err) === 'unknown') throw err; // A bug, no disk's refusal.
        log.error({ err, start }, 'a segment could not be kept: the next start of the agent tries again');
        return undefined;
      })
      .then((row) => {
        if (writer.failure !== undefined)
          log.warn({ err: writer.failure, kept: row?.file }, 'the disk refused');
        if (row !== undefined) {
          newestSegment = Math.max(newestSegment ?? 0, row.end);
          parts.onSegment(row);
        }
        if (after !== undefined) after(row);
        else if (row === undefined) writeGap({ start, end, reason: diskReason(writer.failure) });
      })
      .finally(() => {
        finishing.delete(writer);
        for (const { done } of waiting) done.resolve();
      });
    finishing.set(writer, finished);
    entered = finished;
  };

  /** Ends run and segment at the label of `at`: what follows is another run. */
  const endRun = (at: MonotonicMs | undefined, why: GapReason): void => {
    if (run === undefined || at === undefined) return;
    const end = Math.max(run.clock.label(at), open?.start ?? 0, joint ?? 0);
    close(end);
    // Where the clock stepped back, what is missing begins at a label that the run has shown already.
    const shown = Math.round(clock.utc() - (clock.monotonic() - at));
    coverage.interrupted(run.clock.stepped() ? Math.min(end, shown) : end, why);
    run = undefined;
    joint = undefined;
  };

  /** The open segment failed: nothing is begun before it is known what of it was kept. */
  const diskRefused = (why: GapReason): void => {
    if (run === undefined || open === undefined) return;
    const { start } = open;
    const end = lastEndedAt === undefined ? start : Math.max(start, run.clock.label(lastEndedAt));
    blocked = { until: Number.POSITIVE_INFINITY };
    become('failed', why);
    run = undefined;
    close(end, (row) => {
      coverage.interrupted(row?.end ?? start, why);
      blocked = { until: clock.monotonic() + diskRetryMs };
    });
    joint = undefined;
  };

  const begin = (fragment: Fragment): boolean => {
    const seal = spares.take();
    if (seal === undefined || track === undefined) return false;
    if (run === undefined) {
      const runClock = openRun(clock, fragment.arrivedAt);
      const first = runClock.label(fragment.arrivedAt);
      run = { clock: runClock, first };
      coverage.resumed(first);
    }
    const start = joint ?? run.first;
    const opening = camera.begin({ start, run: run.first, clock: parts.clockState(), head: seal.head });
    const writer = openWriter(clock, opening, openSealer(seal), () => {
      if (open?.writer === writer) diskRefused(diskReason(writer.failure));
    });
    open = { writer, start, startedAt: fragment.arrivedAt, baseTicks: fragment.decodeTime, fragments: 0 };
    writer.take(track.initSegment);
    return true;
  };

  /** Whether `fragment` may be taken; a disk that refused or lags is given time. */
  const diskReady = (fragment: Fragment): boolean => {
    const waiting = inFlightBytes();
    if (blocked === undefined) {
      if (waiting + fragment.bytes.length <= maxInFlightBytes && finishing.size <= maxFinishing) return true;
      blocked = { until: clock.monotonic() };
      become('failed', 'disk-slow');
      endRun(fragment.arrivedAt, 'disk-slow');
      return false;
    }
    if (
      clock.monotonic() < blocked.until ||
      waiting > maxInFlightBytes / 2 ||
      finishing.size > 1 ||
      !fragment.keyframe
    )
      return false;
    blocked = undefined;
    return true;
  };

  const sink: FragmentSink = {
    track(next) {
      endRun(lastEndedAt, 'stream-error');
      track = next;
    },
    fragment(fragment) {
      if (!fragment.keyframe) splitGops = true;
      if (!diskReady(fragment)) {
        droppedFragments += 1;
        return;
      }
      if (fragment.keyframe && run !== undefined) {
        if (run.clock.stepped()) endRun(fragment.arrivedAt, 'clock-step');
        else if (open !== undefined) {
          const elapsedMs = fragment.arrivedAt - open.startedAt;
          const nearest = elapsedMs + (fragment.endedAt - fragment.arrivedAt) / 2 >= parts.segmentMs;
          const asked = cuts.some(({ at }) => at <= fragment.arrivedAt);
          if ((nearest || asked) && spares.available()) close(run.clock.label(fragment.arrivedAt));
        }
      }
      if (open === undefined && (!fragment.keyframe || !begin(fragment))) {
        droppedFragments += 1;
        endRun(fragment.arrivedAt, 'no-keyframe');
        return;
      }
      if (open === undefined) return;
      retime(fragment.bytes, fragment.decodeTime - open.baseTicks, ++open.fragments);
      open.writer.take(fragment.bytes);
      lastEndedAt = fragment.endedAt;
      rates.add(fragment, track?.timescale ?? 1);
      become('recording');
      // A GOP that was split at a bound may go on in the next fragment, which could not begin a file.
      if (!splitGops && cuts.some(({ at }) => at <= fragment.endedAt) && run !== undefined)
        close(run.clock.label(fragment.endedAt));
    },
  };

  return {
    async run(signal) {
      await spares.ready();
      await supervise(clock, cameraRetries(parts.random), signal, {
        healthyMs,
        async once(inner) {
          if (state !== 'failed') become('connecting');
          session = parts.ingest();
          splitGops = false;
          try {
            await session.run(sink, inner);
          } finally {
            lostBefore += session.stats().lostPackets;
          }
        },
        ended(failure, retryMs) {
          const why = reasonOf(failure);
          log.warn({ err: failure, reason: why, retryMs }, 'the camera session ended');
          endRun(lastEndedAt, why);
          coverage.cause(clock.utc(), why);
          become('failed', why);
        },
      });
      endRun(lastEndedAt, 'agent-stopped');
      coverage.handOver();
      for (let last: unknown; last !== entered; await last) last = entered;
    },
    status: () => ({
      state,
      ...(reason === undefined ? {} : { reason }),
      since,
      ...(newestSegment === undefined ? {} : { newestSegment }),
      ...(lastEndedAt === undefined ? {} : { lastFragmentAgeMs: clock.monotonic() - lastEndedAt }),
      bitrate: rates.bitsPerSecond(),
      frameRate: rates.framesPerSecond(),
      ...(track === undefined
        ? {}
        : {
            track: {
              codec: track.codec,
              codecString: track.codecString,
              width: track.width,
              height: track.height,
            },
          }),
      lostPackets: lostBefore + (session?.stats().lostPackets ?? 0),
      offered: session?.stats().offered ?? [],
      openBytes: open?.writer.takenBytes ?? 0,
      inFlightBytes: inFlightBytes(),
      droppedFragments,
    }),
    async cutNow() {
      if (open !== undefined) {
        const done = Promise.withResolvers<void>();
        cuts.push({ at: clock.monotonic(), done });
        const limit = clock.after(cutDeadlineMs, () => {
          if (run !== undefined && lastEndedAt !== undefined) close(run.clock.label(lastEndedAt));
        });
        await done.promise;
        limit.cancel();
      }
      await Promise.all(finishing.values());
    },
  };
}

function reasonOf(failure: Failure | undefined): GapReason {
  return gapReason.safeParse(failure?.code).data ?? 'stream-error';
}

function diskReason(error: unknown): GapReason {
  return ['ENOSPC', 'EDQUOT', 'EFBIG'].includes(codeOf(error)) ? 'disk-full' : 'disk-error';
}
