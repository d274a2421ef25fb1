import { measureTraffic, type Traffic } from '../support/traffic.ts';
import { table } from './table.ts';

const barBits = 1000;

export interface TrafficResult {
  cameras: number;
  traffic: Traffic;
  bars: Record<string, { bar: string; found: number; met: boolean }>;
}

/** What a node says at rest over a real broker, by the bytes on the wire. */
export async function benchTraffic(options: {
  cameras: number;
  say(text: string): void;
}): Promise<TrafficResult> {
  options.say(`${options.cameras} cameras, a minute of health\n`);
  const traffic = await measureTraffic(options.cameras);
  const bar = `≤ ${barBits} bit/s`;
  return {
    cameras: options.cameras,
    traffic,
    bars: { monitoring: { bar, found: traffic.idle, met: traffic.idle <= barBits } },
  };
}

export function trafficTable({ cameras, traffic, bars }: TrafficResult): string {
  const rows: [string, string][] = [
    [`${cameras} cameras`, 'bit/s'],
    ['health, every minute', String(traffic.health)],
    ['log heads and cosignatures, every 5 min', String(traffic.heads)],
    ['keep-alives', String(traffic.pings)],
    ['links: an uplink and its radio (as planned)', String(traffic.links)],
    ['together', String(traffic.idle)],
    ['beyond: lines of the log while a full week is swept', String(traffic.sweeps)],
  ];
  const lines = Object.values(bars).map(({ bar, found, met }) => `${met ? '•' : '✘'} ${bar}: ${found}\n`);
  return `${table(rows)}\n${lines.join('')}`;
}
