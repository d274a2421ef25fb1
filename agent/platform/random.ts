import { randomBytes } from 'node:crypto';

export interface Random {
  /** `size` cryptographically strong bytes. */
  bytes(size: number): Buffer;
  /** Uniform in [0, 1). For jitter, never for secrets. */
  fraction(): number;
}

export const systemRandom: Random = { bytes: randomBytes, fraction: Math.random };
