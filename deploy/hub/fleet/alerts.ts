/** What is wrong somewhere in the fleet, as whoever notices it and whoever shows it see it. Kept by `../alarms`. */
export interface HubAlert {
  node: string;
  /** `<condition>` or `<condition>.<subject>`. */
  key: string;
  severity: 'info' | 'warning' | 'critical';
  /** UTC milliseconds. */
  since: number;
  detail: string;
  /** Who says so. */
  from: 'node' | 'hub';
  clearedAt?: number;
  acknowledged?: { at: number; by: string };
}

export interface Alerts {
  raise(
    alert: Pick<HubAlert, 'node' | 'key' | 'severity' | 'detail' | 'from'> & { since?: number },
  ): Promise<void>;
  /** Only who raised an alert clears it: a node cannot silence what the hub says of it. */
  clear(node: string, key: string, from: HubAlert['from']): Promise<void>;
  /** `id` is `<node>/<key>`, or `<node>.<key>`, or a key that one node alone has. Throws `unknown-alert`. */
  acknowledge(id: string, by: string): Promise<HubAlert>;
  /** Known to people and standing now, worst first, then oldest first; neither shelved nor explained by another. */
  raised(): HubAlert[];
}

export function alertId(alert: Pick<HubAlert, 'node' | 'key'>): string {
  return `${alert.node}/${alert.key}`;
}
