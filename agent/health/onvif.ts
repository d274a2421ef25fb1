import { Failure } from '#protocol/failure.ts';
import type { Conditions } from '../alert/open-conditions.ts';
import type { Probe } from '../lifecycle/probe.ts';
import type { ChildBounds } from '../platform/child.ts';
import type { Clock, MonotonicMs } from '../platform/clock.ts';
import type { EventService } from './onvif-events.ts';
import { type OnvifAnswer, type OnvifQuestion, onvifAnswer } from './onvif-question.ts';

export interface OnvifCamera {
  id: string;
  /** The device service. */
  onvif: string;
  credentials?: { user: string; password: string } | undefined;
  ptz: boolean;
  /** The stream that is recorded. */
  rtsp: string;
  recorder: { status(): { track?: { width: number; height: number } | undefined } };
}

/** What a camera says of itself by ONVIF; `unknown` before it was asked. */
export interface OnvifReading extends Omit<OnvifAnswer, 'error' | 'profiles' | 'events'> {
  state: 'ok' | 'away' | 'auth' | 'broken' | 'unknown';
}

export interface OnvifWatch {
  probe: Probe;
  /** Undefined for a camera without ONVIF. */
  reading(camera: string): OnvifReading | undefined;
  /** Where it tells its events; undefined while nobody knows. */
  events(camera: string): EventService | undefined;
}

export interface OnvifParts {
  cameras: readonly OnvifCamera[];
  conditions: Conditions;
  clock: Clock;
  /** Whether the box's own clock may judge another. */
  clockTrusted(): boolean;
  askChild(entry: URL, question: unknown, bounds: ChildBounds): Promise<unknown>;
}

const entry = new URL('./onvif-child.ts', import.meta.url);
const minute = 60_000;
/** Facts that change once a year, and a clock that drifts seconds a day. */
const everyMs = 15 * minute;
/** Asked once more before it is told. */
const againMs = minute;
/** Cameras lock a user out who is refused too often, and the recording with it. */
const refusedMs = 60 * minute;
const firstMs = 15_000;
const tickMs = 5000;
const conversationMs = 15_000;
/** The child's own start and end included. */
const childMs = conversationMs + 3000;
/** Beyond this the time written into the picture misleads. */
const clockLimitMs = 30_000;

/**
 * Asks one camera at a time, each poll a process of its own with limits on memory and time, apart from all recording.
 * Judges `camera-onvif`, `camera-clock`, `camera-profile` and `camera-records`.
 */
export function openOnvifWatch(parts: OnvifParts): OnvifWatch {
  const { conditions, clock } = parts;
  const opened = clock.monotonic();
  const watched = parts.cameras.map((camera, index) => ({
    camera,
    dueAt: (opened + firstMs + index * tickMs) as MonotonicMs,
    reading: { state: 'unknown' } as OnvifReading,
    wrong: false,
    events: undefined as EventService | undefined,
    away: conditions.watch('camera-onvif', camera.id),
    time: conditions.watch('camera-clock', camera.id),
    profile: conditions.watch('camera-profile', camera.id),
    records: conditions.watch('camera-records', camera.id),
  }));
  const stuck = conditions.watch('probe-stuck', 'onvif');

  const take = (one: (typeof watched)[number], answer: OnvifAnswer): void => {
    const { error, profiles, events, ...facts } = answer;
    if (events !== undefined && profiles !== undefined)
      one.events = {
        address: events,
        clockOffsetMs: answer.clockOffsetMs ?? 0,
        // A channel that cannot be told apart is none that an event names.
        source:
          new Set(profiles.map(({ source }) => source)).size > 1
            ? (sourceOf(one.camera.rtsp, profiles) ?? '')
            : undefined,
      };
    const before = one.reading.state;
    // What it said before an answer failed is kept: a model does not change while a camera is silent. Where it looks does.
    const { position: _, preset: __, ...lasting } = one.reading;
    one.reading = { ...lasting, ...facts, state: error ?? 'ok' };
    if (error) one.away.failing(error);
    else one.away.ok();
    const wrong = judgeClock(one, answer.clockOffsetMs);
    judgeProfile(one, profiles);
    if (answer.records === undefined) one.records.unknown();
    else if (answer.records) one.records.failing('job');
    else one.records.ok();
    const news = (error !== undefined && before !== error) || (wrong && !one.wrong);
    one.wrong = wrong;
    const waitMs = error === 'auth' ? refusedMs : news ? againMs : everyMs;
    one.dueAt = (clock.monotonic() + waitMs) as MonotonicMs;
  };
  /** Whether its clock is wrong. */
  const judgeClock = (one: (typeof watched)[number], offsetMs: number | undefined): boolean => {
    if (offsetMs === undefined || !parts.clockTrusted()) {
      one.time.unknown();
      return false;
    }
    const wrong = Math.abs(offsetMs) > clockLimitMs;
    if (wrong) one.time.failing('offset', { seconds: Math.round(offsetMs / 1000) });
    else one.time.ok();
    return wrong;
  };
  const judgeProfile = (one: (typeof watched)[number], profiles: OnvifAnswer['profiles']): void => {
    const track = one.camera.recorder.status().track;
    const larger = profiles && track && largestOf(one.camera.rtsp, profiles);
    if (!larger || !track) one.profile.unknown();
    else if (larger.width * larger.height > track.width * track.height)
      one.profile.failing('smaller', {
        recorded: `${track.width}×${track.height}`,
        offered: `${larger.width}×${larger.height}`,
      });
    else one.profile.ok();
  };

  return {
    reading: (camera) => watched.find(({ camera: { id } }) => id === camera)?.reading,
    events(camera) {
      const one = watched.find(({ camera: { id } }) => id === camera);
      // Who is refused is not asked with by others either.
      return one?.reading.state === 'auth' ? undefined : one?.events;
    },
    probe: {
      everyMs: tickMs,
      limitMs: childMs + 2000,
      // A conversation that waits costs nothing.
      share: 0.5,
      async once(signal) {
        const due = watched
          .filter(({ dueAt }) => dueAt <= clock.monotonic())
          .sort((a, b) => a.dueAt - b.dueAt)[0];
        if (due === undefined) return;
        const answer = await askOnvif(parts.askChild, due.camera, signal);
        if (!signal.aborted) take(due, answer);
      },
      stuck(yes) {
        if (yes) stuck.failing('hanging', { probe: 'onvif' });
        else stuck.ok();
      },
    },
  };
}

/** One conversation with a camera, in a child of its own: eighteen seconds at most. */
export async function askOnvif(
  askChild: OnvifParts['askChild'],
  { onvif, credentials, ptz }: Pick<OnvifCamera, 'onvif' | 'credentials' | 'ptz'>,
  signal: AbortSignal,
): Promise<OnvifAnswer> {
  const question: OnvifQuestion = { url: onvif, ptz, limitMs: conversationMs, ...credentials };
  const bounds = { timeoutMs: childMs, signal };
  try {
    return onvifAnswer.safeParse(await askChild(entry, question, bounds)).data ?? { error: 'broken' };
  } catch (error) {
    if (error instanceof Failure) return { error: 'broken' };
    throw error;
  }
}

/** The largest profile of the video source that is recorded; undefined where a recorder's channels cannot be told apart. */
function largestOf(
  rtsp: string,
  profiles: NonNullable<OnvifAnswer['profiles']>,
): { width: number; height: number } | undefined {
  const source = sourceOf(rtsp, profiles);
  if (source === undefined) return undefined;
  return profiles
    .filter((profile) => profile.source === source)
    .reduce<{ width: number; height: number } | undefined>(
      (largest, one) =>
        largest === undefined || one.width * one.height > largest.width * largest.height ? one : largest,
      undefined,
    );
}

/** The video source that is recorded; undefined where a recorder's channels cannot be told apart. */
function sourceOf(rtsp: string, profiles: NonNullable<OnvifAnswer['profiles']>): string | undefined {
  const recorded = profiles.find(({ uri }) => uri !== undefined && placeOf(uri) === placeOf(rtsp));
  const sources = new Set(profiles.map(({ source }) => source));
  return recorded?.source ?? (sources.size === 1 ? [...sources][0] : undefined);
}

/** Path and query of a stream: a camera states its own idea of its host and port. */
function placeOf(address: string): string {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  return url === undefined ? '' : url.pathname + url.search;
}
