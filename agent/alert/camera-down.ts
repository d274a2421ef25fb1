import type { GapReason } from '#protocol/gap.ts';
import { boxConditions } from './box-conditions.ts';
import { cameraConditions } from './camera-conditions.ts';
import type { ReasonOf } from './conditions.ts';
import type { Watch } from './open-conditions.ts';

/** What the check asks of a camera; monotone ages, so that a stepped clock raises nothing. */
export interface CameraSight {
  state: 'recording' | 'connecting' | 'failed';
  reason?: GapReason | undefined;
  /** Monotonic age of the newest frame taken; undefined before the first. */
  lastFragmentAgeMs?: number | undefined;
}

/** A camera said to record whose newest fragment is older than this has stopped: smart codecs stretch a GOP to 10 s. */
const silenceMs = 30_000;

const diskReasons = boxConditions['disk-error'].reasons;

/** Why a camera did not record, in a sentence. */
export const reasonText: Record<GapReason, string> = {
  ...mapped(cameraConditions['camera-down'].reasons),
  'disk-full': diskReasons['disk-full'].it,
  'disk-error': diskReasons['disk-error'].it,
  'disk-slow': diskReasons['disk-slow'].it,
  'agent-stopped': 'la registrazione è stata fermata',
  'agent-crashed': 'la registrazione si è interrotta da sola',
  'power-lost': 'è mancata la corrente',
  'clock-step': "l'orologio è stato corretto",
};

function mapped<Key extends string>(reasons: Record<Key, { it: string }>): Record<Key, string> {
  return Object.fromEntries(
    Object.entries<{ it: string }>(reasons).map(([key, { it }]) => [key, it]),
  ) as Record<Key, string>;
}

/** One look at a camera; look at least every second. */
export function judgeCamera(watch: Watch<'camera-down'>, sight: CameraSight): void {
  const { state, reason = 'no-connection', lastFragmentAgeMs } = sight;
  if (state === 'recording' && (lastFragmentAgeMs ?? silenceMs) < silenceMs) watch.ok();
  else if (state === 'recording') watch.failing('no-data');
  // Its first try is under way: channels behind one address wait for their turn, and smart codecs for a keyframe.
  else if (state === 'connecting' && sight.reason === undefined) watch.unknown();
  // Down since its last frame: a stall was waited for by the ingest, whatever the reconnection met between two looks.
  else if (isCameras(reason)) watch.failing(reason, {}, lastFragmentAgeMs);
  // The disk's fault, told once for all cameras by `disk-error`.
  else watch.unknown();
}

function isCameras(reason: GapReason): reason is ReasonOf<'camera-down'> {
  return Object.hasOwn(cameraConditions['camera-down'].reasons, reason);
}
