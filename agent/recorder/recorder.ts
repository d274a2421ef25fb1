import type { Fragment, FragmentSink, Ingest, Track } from '#agent/camera/ingest.ts';
import { retime } from '#agent/camera/retime.ts';
import { supervise } from '#agent/lifecycle/supervise.ts';
import { type Clock, type MonotonicMs, pause } from '#agent/platform/clock.ts';
import type { Log } from '#agent/platform/log.ts';
import type { Random } from '#agent/platform/random.ts';
import type { CameraStore, GapRow, SegmentRow, Store } from '#agent/store/store.ts';
import type { ClockState } from '#protocol/clock-state.ts';
import type { Failure } from '#protocol/failure.ts';
import { type GapReason, gapReason } from '#protocol/gap.ts';
import { openSealer, type Recipients } from '#protocol/seal/seal.ts';
import { openCameraClock } from './camera-clock.ts';
import { openCoverage } from './coverage.ts';
import { coverageStart } from './coverage-start.ts';
import { openCuts } from './cuts.ts';
import { diskReason, openEntries } from './entries.ts';
import { emptyRates } from './rates.ts';
import { clocksOf, keptOf, type RecorderStatus, trackOf } from './recorder-status.ts';
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
  /** What the clock is worth as a segment begins, of the run whose first frame, labelled `label`, came at `at`. */
  clockState: (run: { label: number; at: MonotonicMs }) => ClockState;
  /** Segments are cut at the keyframe nearest to this length. */
  segmentMs: number;
  /** Told after the ledger line is on stable storage. */
  onSegment(row: SegmentRow): void;
  /** Told when it is over. */
  onGap(row: GapRow): void;
  /** The disk refused for want of room, just now. */
  onDiskFull?(): void;
  log: Log;
}

export interface Recorder {
  /** Lives until `signal` aborts, then seals what is open; a disk that still refuses after 10 s is left to the next start. */
  run(signal: AbortSignal): Promise<void>;
  status(): RecorderStatus;
  /** Seals the open segment as soon as it holds this moment: `cuts.ts` says how long that may take. */
  cutNow(): Promise<void>;
}

/** What a slow disk may hold back per camera: 8 s of the fastest camera (16 Mbit/s). */
const maxInFlightBytes = 16 * 1024 * 1024;
/** Segments that wait for their ledger line: beyond it the disk takes bytes and refuses the ledger. */
const maxFinishing = 4;
const diskPatienceMs = 10_000;
const healthyMs = 30_000;
/** After the disk refused. */
const diskRetryMs = 2000;

export function openRecorder(parts: RecorderParts): Recorder {
  const { store, camera, clock, log } = parts;
  const spares = spareSeals(parts.recipients, parts.random);
  const rates = emptyRates();
  const cameraClock = openCameraClock();
  const entries = openEntries(parts);
  let track: Track | undefined;
  let session: Ingest | undefined;
  let run: { clock: RunClock; first: number; firstAt: MonotonicMs } | undefined;
  let open:
    | { writer: SegmentWriter; start: number; startedAt: MonotonicMs; baseTicks: number; fragments: number }
    | undefined;
  /** End of the last segment of the run, where the next one starts. */
  let joint: number | undefined;
  let lastEndedAt: MonotonicMs | undefined;
  let splitGops = false;
  let blocked: { until: number } | undefined;
  /** The disk refused, and has kept nothing since: the gap goes on until it does, whatever is tried in between. */
  let mistrusted = false;
  /** Start of a run that waits for that. */
  let unproven: number | undefined;
  const cuts = openCuts(clock);
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
  /** Once what was noted before is entered: a kill in between would leave neither note nor line. */
  const rememberOpenGap = (gap: { start: number; reason: GapReason } | undefined): void => {
    const noted = gap && { ...gap };
    entries.after(() => {
      // Of a camera of which nothing is entered yet, the note alone says since when.
      if (noted === undefined && camera.coveredTo() === undefined) return;
      const saved = store.state.update((value) => {
        if (noted === undefined) delete value.openGaps[camera.id];
        else value.openGaps[camera.id] = noted;
      });
      saved.catch((err: unknown) => log.error({ err }, 'an interruption under way could not be noted'));
    });
  };
  const coverage = openCoverage(clock, coverageStart(parts, entries.gap), rememberOpenGap, (gap, stepped) => {
    // A label that stepped forward would spread the gap over what other lives recorded.
    const start =
      stepped || gap.reason === 'clock-step'
        ? Math.max(gap.start, camera.coveredBefore(gap.end) ?? gap.start)
        : gap.start;
    if (start < gap.end) entries.gap({ ...gap, start });
  });

  const inFlightBytes = (): number => {
    let bytes = open?.writer.inFlightBytes ?? 0;
    for (const writer of entries.finishing) bytes += writer.inFlightBytes;
    return bytes;
  };

  /** Something of this run is on disk. */
  const proven = (): void => {
    mistrusted = false;
    if (unproven !== undefined) coverage.resumed(unproven);
    unproven = undefined;
  };

  /** Ends the open segment at `end` and finishes it in the background; `after` learns what was kept. */
  const close = (end: number, after?: (row: SegmentRow | undefined) => void): void => {
    if (open === undefined) return;
    const { writer, start } = open;
    open = undefined;
    joint = end;
    const answerCuts = cuts.take();
    writer.last();
    const entered = entries.segment(writer, start, end, (row) => {
      if (row !== undefined) {
        proven();
        newestSegment = Math.max(newestSegment ?? 0, row.end);
      }
      if (after !== undefined) after(row);
      else if (row === undefined) entries.gap({ start, end, reason: diskReason(writer.failure) });
    });
    void entered.then(answerCuts);
  };

  /** Ends run and segment at the label of `at`: what follows is another run. */
  const endRun = (at: MonotonicMs | undefined, why: GapReason): void => {
    if (run === undefined || at === undefined) return;
    const end = Math.max(run.clock.label(at), open?.start ?? 0, joint ?? 0);
    // Where the clock stepped back, what is missing begins at a label that the run has shown already.
    const shown = Math.round(clock.utc() - (clock.monotonic() - at));
    const from = run.clock.stepped() ? Math.min(end, shown) : end;
    if (unproven === undefined) {
      close(end);
      coverage.interrupted(from, why);
    } else
      awaitKept(end, () => {
        coverage.interrupted(from, why);
        return clock.monotonic();
      });
    run = undefined;
    joint = undefined;
  };

  /** Ends the open segment at `end`; nothing is begun before `after` learnt what is kept and says when to go on. */
  const awaitKept = (end: number, after: (row: SegmentRow | undefined) => number): void => {
    blocked = { until: Number.POSITIVE_INFINITY };
    const settle = (row: SegmentRow | undefined): void => {
      unproven = undefined;
      blocked = { until: after(row) };
    };
    if (open === undefined) entries.after(() => settle(undefined));
    else close(end, settle);
  };

  /** The open segment failed: nothing is begun before it is known what of it was kept. */
  const diskRefused = (why: GapReason): void => {
    if (run === undefined || open === undefined) return;
    const { start } = open;
    const end = lastEndedAt === undefined ? start : Math.max(start, run.clock.label(lastEndedAt));
    become('failed', why);
    if (why === 'disk-full') parts.onDiskFull?.();
    awaitKept(end, (row) => {
      mistrusted = true;
      coverage.interrupted(row?.end ?? start, why);
      return clock.monotonic() + diskRetryMs;
    });
    run = undefined;
    joint = undefined;
  };

  const begin = (fragment: Fragment): boolean => {
    const seal = spares.take();
    if (seal === undefined || track === undefined) return false;
    if (run === undefined) {
      const runClock = openRun(clock, fragment.arrivedAt);
      const first = runClock.label(fragment.arrivedAt);
      run = { clock: runClock, first, firstAt: fragment.arrivedAt };
      if (mistrusted) unproven = first;
      else coverage.resumed(first);
    }
    const start = joint ?? run.first;
    const worth = parts.clockState({ label: run.first, at: run.firstAt });
    const opening = camera.begin({ start, run: run.first, clock: worth, head: seal.head });
    const writer = openWriter(clock, opening, openSealer(seal), {
      failed() {
        if (open?.writer === writer) diskRefused(diskReason(writer.failure));
      },
      safe: proven,
    });
    open = { writer, start, startedAt: fragment.arrivedAt, baseTicks: fragment.decodeTime, fragments: 0 };
    writer.take(track.initSegment);
    return true;
  };

  /** Whether `fragment` may be taken; a disk that refused or lags is given time. */
  const diskReady = (fragment: Fragment): boolean => {
    const waiting = inFlightBytes();
    if (blocked === undefined) {
      if (waiting + fragment.bytes.length <= maxInFlightBytes && entries.finishing.size <= maxFinishing)
        return true;
      blocked = { until: clock.monotonic() };
      become('failed', 'disk-slow');
      endRun(fragment.arrivedAt, 'disk-slow');
      return false;
    }
    if (
      clock.monotonic() < blocked.until ||
      waiting > maxInFlightBytes / 2 ||
      entries.finishing.size > 1 ||
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
      cameraClock.begin();
    },
    fragment(fragment) {
      if (!fragment.keyframe) splitGops = true;
      cameraClock.add((fragment.decodeTime * 1000) / (track?.timescale ?? 1), fragment.arrivedAt);
      if (!diskReady(fragment)) {
        droppedFragments += 1;
        return;
      }
      if (fragment.keyframe && run !== undefined) {
        if (run.clock.stepped()) endRun(fragment.arrivedAt, 'clock-step');
        else if (open !== undefined) {
          const elapsedMs = fragment.arrivedAt - open.startedAt;
          const nearest = elapsedMs + (fragment.endedAt - fragment.arrivedAt) / 2 >= parts.segmentMs;
          if ((nearest || cuts.due(fragment.arrivedAt)) && spares.available())
            close(run.clock.label(fragment.arrivedAt));
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
      if (!splitGops && cuts.due(fragment.endedAt) && run !== undefined)
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
      // A ledger line that the disk refuses is tried again until the store closes.
      const enough = new AbortController();
      await Promise.race([
        entries.settled().finally(() => enough.abort()),
        pause(clock, diskPatienceMs, enough.signal),
      ]);
    },
    status: () => ({
      state,
      ...(reason === undefined ? {} : { reason }),
      since,
      ...(newestSegment === undefined ? {} : { newestSegment }),
      ...keptOf(camera),
      ...(lastEndedAt === undefined ? {} : { lastFragmentAgeMs: clock.monotonic() - lastEndedAt }),
      bitrate: rates.bitsPerSecond(),
      frameRate: rates.framesPerSecond(),
      gopSeconds: rates.gopSeconds(),
      ...trackOf(track),
      ...clocksOf(clock, session?.stats().cameraClock, cameraClock),
      lostPackets: lostBefore + (session?.stats().lostPackets ?? 0),
      ffmpeg: session?.stats().because,
      offered: session?.stats().offered ?? [],
      openBytes: open?.writer.takenBytes ?? 0,
      inFlightBytes: inFlightBytes(),
      droppedFragments,
    }),
    cutNow: () =>
      cuts.ask(
        open !== undefined,
        {
          midGop: () => splitGops,
          sealNow() {
            if (run !== undefined && lastEndedAt !== undefined) close(run.clock.label(lastEndedAt));
          },
        },
        entries.settled,
      ),
  };
}

function reasonOf(failure: Failure | undefined): GapReason {
  return gapReason.safeParse(failure?.code).data ?? 'stream-error';
}
