/** Why a command was refused: one code, the same on every way in. */
export const refusalCodes = [
  'malformed',
  'too-large',
  'bad-signature',
  'missing-signature',
  'wrong-node',
  'expired',
  'not-yet-valid',
  'replayed',
  'stale-policy',
  'policy-missing',
  'unknown-camera',
  'outside-retention',
  'purpose-not-allowed',
  'unknown-hold',
  'clock-untrusted',
  'busy',
] as const;
export type RefusalCode = (typeof refusalCodes)[number];
