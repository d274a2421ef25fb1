import type { GapReason } from '#protocol/gap.ts';
import type { Clock, MonotonicMs } from '../platform/clock.ts';
import type { AlertBoard } from './board.ts';

/** What the check asks of a camera; monotone ages, so that a stepped clock raises nothing. */
export interface CameraSight {
  state: 'recording' | 'connecting' | 'failed';
  reason?: GapReason | undefined;
  /** Monotonic age of the newest frame taken; undefined before the first. */
  lastFragmentAgeMs?: number | undefined;
}

/** A reconnection within this is not worth a person's attention; with the ingest's 10 s stall limit it keeps an
 * unplugged camera's alert within 15 s. */
const patienceMs = 4000;
/** A camera said to record whose newest fragment is older than this has stopped: smart codecs stretch a GOP to 10 s. */
const silenceMs = 30_000;
/** It must have recorded this long before it counts as back. */
const steadyMs = 2000;

/** What the maintainer reads first; the cause in technical words follows in the log. */
export const reasonText: Record<GapReason, string> = {
  'no-connection': 'la telecamera non risponde: controllare alimentazione e cavo di rete',
  'auth-failed': 'la telecamera rifiuta utente o password: controllare le credenziali',
  'no-data': 'nessun dato dalla telecamera: riavviarla, poi controllare il cavo',
  'no-keyframe': 'la telecamera non invia immagini complete: controllare le impostazioni video',
  'stream-error': 'il flusso della telecamera è difettoso: controllare firmware e impostazioni video',
  'unsupported-codec': 'il formato video della telecamera non è supportato: impostare H.264 o H.265',
  'agent-stopped': 'la registrazione è stata fermata',
  'agent-crashed': 'la registrazione si è interrotta da sola',
  'power-lost': 'è mancata la corrente',
  'disk-full': 'il disco è pieno',
  'disk-error': 'il disco non scrive',
  'disk-slow': 'il disco è troppo lento',
  'clock-step': "l'orologio è stato corretto",
};

/** Raises and clears `camera-down.<camera>`; call {@link check} at least every second. */
export function cameraDown(
  camera: string,
  board: AlertBoard,
  clock: Clock,
): { check(sight: CameraSight): void } {
  const key = `camera-down.${camera}`;
  const opened = clock.monotonic();
  let downSince: MonotonicMs | undefined = opened;
  let upSince: MonotonicMs | undefined;
  return {
    check(sight) {
      const now = clock.monotonic();
      const fresh = sight.lastFragmentAgeMs !== undefined && sight.lastFragmentAgeMs < silenceMs;
      if (sight.state === 'recording' && fresh) {
        upSince ??= now;
        downSince = undefined;
        if (now - upSince >= steadyMs) board.clear(key);
        return;
      }
      upSince = undefined;
      downSince ??= now;
      // A stall was already waited for by the ingest.
      if (now - downSince < (sight.reason === 'no-data' ? 0 : patienceMs)) return;
      board.raise(key, 'critical', reasonText[sight.reason ?? 'no-data']);
    },
  };
}
