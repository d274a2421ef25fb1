import { backoff } from '#agent/lifecycle/backoff.ts';
import type { Waits } from '#agent/lifecycle/supervise.ts';
import type { Random } from '#agent/platform/random.ts';

/** Soon at first, and never so late that a camera that came back waits long. */
const firstMs = 500;
const lastMs = 15_000;
/** Cameras lock an account after five to ten wrong passwords, and the installer's own logins with it. */
const firstRefusedMs = 15_000;
/** A password that was put right at the camera is used within this. */
const lastRefusedMs = 300_000;

/** How long a camera is left alone after a session that failed. */
export function cameraRetries(random: Random): Waits {
  const usual = backoff(random, firstMs, lastMs);
  const refused = backoff(random, firstRefusedMs, lastRefusedMs);
  return {
    next: (failure) => (failure?.code === 'auth-failed' ? refused : usual).next(),
    reset() {
      usual.reset();
      refused.reset();
    },
  };
}
