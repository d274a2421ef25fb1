import { Failure } from '#protocol/failure.ts';
import type { Conditions } from '../alert/open-conditions.ts';
import { runProbe } from '../lifecycle/probe.ts';
import type { Clock } from '../platform/clock.ts';
import { type Finding, type Judgement, openPictureJudge } from './judge.ts';

/** A keyframe of the stream, not decoded. */
export interface Keyframe {
  bytes: Buffer;
  /** The same for the same bytes. */
  mark: number;
  /** No other keyframe came since the one before. */
  repeated: boolean;
}

export interface PictureCamera {
  id: string;
  /** It turns: what its view looks like is nobody's reference. */
  ptz: boolean;
  /** The next keyframe of the running stream. Throws `no-picture`. */
  keyframe(signal: AbortSignal): Promise<Keyframe>;
  /** Scales and decodes it, in its own time; a `Failure` when that cannot be done. */
  decode(film: Buffer, signal: AbortSignal): Promise<Uint8Array>;
}

export type PictureState = 'ok' | 'unknown' | Finding;

export interface PictureParts {
  cameras: readonly PictureCamera[];
  /** From one picture of a camera to its next. */
  everyMs: number;
  /** Cameras that are looked at at once. */
  together: number;
  conditions: Conditions;
  clock: Clock;
}

export interface PictureWatch {
  /** Looks at one picture of each camera in turn, until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
  reading(camera: string): PictureState;
}

/** A camera has begun to send by then. */
const firstMs = 10_000;
/** Some cameras send a keyframe every ten seconds; a decoder that hangs is ended before. */
const limitMs = 40_000;
/** The most of the time that waiting and decoding may take: what takes longer is done less often. */
const share = 0.25;
/** The first that are not so are told from what came before them: of a later one nothing is known. */
const order = ['black', 'blinded', 'frozen', 'blurred', 'moved'] as const satisfies readonly Finding[];
const needReference = new Set<Finding>(['blurred', 'moved']);

/**
 * Judges the `camera-picture-…` conditions of each camera by one picture a minute. The cameras' turns are spread over
 * that minute, `together` at once; a picture that cannot be had or decoded leaves everything unknown.
 */
export function openPictureWatch(parts: PictureParts): PictureWatch {
  const { conditions, clock, everyMs, together } = parts;
  const hanging = new Set<string>();
  const stuck = conditions.watch('probe-stuck', 'picture');
  const watched = parts.cameras.map((camera) => ({
    camera,
    judge: openPictureJudge(camera),
    state: 'unknown' as PictureState,
    watches: order
      .filter((finding) => !camera.ptz || !needReference.has(finding))
      .map((finding) => ({ finding, watch: conditions.watch(`camera-picture-${finding}`, camera.id) })),
  }));
  const judged = async (
    { camera, judge }: (typeof watched)[number],
    signal: AbortSignal,
  ): Promise<Judgement | undefined> => {
    try {
      const { bytes, mark, repeated } = await camera.keyframe(signal);
      const gray = await camera.decode(bytes, signal);
      return judge.take({ gray, mark, repeated }, clock.monotonic());
    } catch (error) {
      if (error instanceof Failure || signal.aborted) return undefined;
      throw error;
    }
  };
  const say = (one: (typeof watched)[number], judgement: Judgement | undefined): void => {
    const state = judgement?.state ?? 'unknown';
    one.state = state;
    const at = (order as readonly string[]).indexOf(state);
    for (const { finding, watch } of one.watches) {
      const place = order.indexOf(finding);
      if (state === 'ok' || (at >= 0 && place < at)) watch.ok();
      else if (place !== at || judgement === undefined) watch.unknown();
      else tell(watch.failing as Failing, judgement);
    }
  };

  return {
    reading: (camera) => watched.find(({ camera: { id } }) => id === camera)?.state ?? 'unknown',
    async run(signal) {
      const groups = Math.ceil(watched.length / together);
      const probes = watched.map((one, index) =>
        runProbe(clock, signal, {
          everyMs,
          delayMs: Math.min(firstMs, everyMs) + ((index % groups) * everyMs) / groups,
          limitMs,
          share,
          async once(limit) {
            const judgement = await judged(one, limit);
            if (!signal.aborted) say(one, judgement);
          },
          stuck(yes) {
            if (yes) {
              hanging.add(one.camera.id);
              say(one, undefined);
            } else hanging.delete(one.camera.id);
            if (hanging.size > 0) stuck.failing('hanging', { probe: 'picture' });
            else stuck.ok();
          },
        }),
      );
      await Promise.all(probes);
    },
  };
}

type Failing = (reason: string, values?: Record<string, number>) => void;

function tell(failing: Failing, judgement: Judgement): void {
  if (judgement.state === 'moved') failing(judgement.reason, { percent: judgement.percent });
  else if (judgement.state === 'blurred') failing(judgement.reason);
  else failing(judgement.state);
}
