/** What a probe costs on the wire, both directions, IP headers included, in bits; and how often it is made at most. */
export const probeCosts = {
  /** 44 octets of STAMP, UDP and IP, each way. */
  stamp: { bits: 2 * 72 * 8, everyMs: 10_000 },
  /** 64 octets of ICMP and IP, each way. */
  ping: { bits: 2 * 84 * 8, everyMs: 20_000 },
  /** Three packets to open and four to close. */
  tcp: { bits: 380 * 8, everyMs: 30_000 },
  /** GETNEXT of ten objects and its response; version 3 asks for the engine first. */
  snmp: { bits: 1000 * 8, everyMs: 50_000 },
} as const;

export type ProbeKind = keyof typeof probeCosts;

/**
 * What all links of a node may cost together, on average: of the 1 kbit/s for all monitoring, health, alerts, log
 * heads and keep-alives take the rest.
 */
export const linkBitsPerSecond = 300;

/** How often each link is measured: as often as its kind allows, all alike less often where the budget asks for it. */
export function planLinks(kinds: readonly ProbeKind[]): { everyMs: number[]; bitsPerSecond: number } {
  const wanted = kinds.reduce((sum, kind) => sum + rate(kind), 0);
  const stretch = Math.max(1, wanted / linkBitsPerSecond);
  return {
    everyMs: kinds.map((kind) => Math.round(probeCosts[kind].everyMs * stretch)),
    bitsPerSecond: wanted / stretch,
  };
}

function rate(kind: ProbeKind): number {
  return probeCosts[kind].bits / (probeCosts[kind].everyMs / 1000);
}
