/** What a probe costs on the wire, both directions, IP headers included, in bits; and how often it is made at most. */
export interface ProbeCost {
  bits: number;
  everyMs: number;
}

export const probeCosts = {
  /** 44 octets of STAMP, UDP and IP, each way. */
  stamp: { bits: 2 * 72 * 8, everyMs: 10_000 },
  /** 64 octets of ICMP and IP, each way. */
  ping: { bits: 2 * 84 * 8, everyMs: 20_000 },
  /** Three packets to open and four to close. */
  tcp: { bits: 380 * 8, everyMs: 30_000 },
} as const satisfies Record<string, ProbeCost>;

export type ProbeKind = keyof typeof probeCosts | 'snmp';

/**
 * GETNEXT of so many objects: headers and community or user each way, an object of some 18 octets asked and 24
 * answered; version 3 asks for the engine first, and signs.
 */
export function snmpCost(objects: number, version: '2c' | '3'): ProbeCost {
  const octets = 2 * 80 + objects * 42 + (version === '3' ? 2 * 60 + 2 * 120 : 0);
  return { bits: octets * 8, everyMs: 50_000 };
}

/**
 * What all links of a node may cost together, on average: of the 1 kbit/s for all monitoring, health, alerts, log
 * heads and keep-alives take the rest.
 */
export const linkBitsPerSecond = 300;

/** How often each link is measured: as often as its kind allows, all alike less often where the budget asks for it. */
export function planLinks(costs: readonly ProbeCost[]): { everyMs: number[]; bitsPerSecond: number } {
  const wanted = costs.reduce((sum, { bits, everyMs }) => sum + bits / (everyMs / 1000), 0);
  const stretch = Math.max(1, wanted / linkBitsPerSecond);
  return {
    everyMs: costs.map(({ everyMs }) => Math.round(everyMs * stretch)),
    bitsPerSecond: wanted / stretch,
  };
}
