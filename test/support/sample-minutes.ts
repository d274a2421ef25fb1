import type { Minutes } from '../../deploy/hub/minutes/minutes.ts';

const noon = Date.UTC(2026, 6, 15, 10);
export const sampleHash = 'a1'.repeat(32);

/** An hour in summer with eight minutes missing. */
export const sampleMinutes: Minutes = {
  version: 1,
  case: '019c1f2e-7a10-7abc-8def-0123456789ab',
  request: '2026-0001',
  at: noon + 86_400_000,
  record: {
    protocol: '77/2026',
    date: '2026-07-16',
    authority: 'Avv. Carla Neri',
    persons: [{ name: 'Carla Neri', qualification: 'difensore' }],
    purpose: 'defence',
    reason: 'indagini difensive',
  },
  place: { node: 'site-09', camera: 'cam-1', nodeName: 'Cogolo Park-47', cameraName: 'Parcheggio SP87 nord' },
  from: noon,
  to: noon + 3_600_000,
  opening: {
    line: 7,
    at: noon + 86_000_000,
    by: 'segreteria',
    role: 'officer',
    recipient: 'age1x',
    present: ['Luca Verdi'],
    swap: false,
  },
  made: { films: [], stills: [], incomplete: [] },
  files: [
    { name: 'a', start: noon, end: noon + 1_500_000 },
    { name: 'b', start: noon + 1_980_000, end: noon + 3_600_000 },
  ].map((file) => ({ ...file, bytes: 1, sha256: sampleHash, clock: 'unsynchronised' as const, torn: false })),
  clock: { at: noon + 86_000_000, state: 'synced', offsetMs: -12.34 },
  gaps: [{ start: noon + 1_500_000, end: noon + 1_980_000, reason: 'power-lost' }],
  signatures: [{ what: 'officer', name: 'Bruno Responsabile', keyid: sampleHash }],
  evidence: { command: sampleHash, manifest: sampleHash, policy: sampleHash, policyVersion: 3, auditSeq: 12 },
};
