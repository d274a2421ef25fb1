import { z } from 'zod';
import { type Files, readIfThere, writeDurably } from '#agent/platform/files.ts';
import { parseJson } from '#protocol/envelope.ts';
import { Failure } from '#protocol/failure.ts';

/** Cleared alerts kept to be looked up; the logs keep the rest. */
const maxCleared = 500;
const maxBytes = 4 * 1024 * 1024;

const severity = z.enum(['info', 'warning', 'critical']);
const alertSchema = z.strictObject({
  node: z.string(),
  /** `<condition>` or `<condition>.<subject>`. */
  key: z.string().max(80),
  severity,
  /** UTC milliseconds. */
  since: z.number(),
  detail: z.string().max(500),
  /** Who says so. */
  from: z.enum(['node', 'hub']),
  clearedAt: z.number().optional(),
  acknowledged: z.strictObject({ at: z.number(), by: z.string().max(100) }).optional(),
});
export type HubAlert = z.output<typeof alertSchema>;

export interface Alerts {
  raise(
    alert: Pick<HubAlert, 'node' | 'key' | 'severity' | 'detail' | 'from'> & { since?: number },
  ): Promise<void>;
  /** Only who raised an alert clears it: a node cannot silence what the hub says of it. */
  clear(node: string, key: string, from: HubAlert['from']): Promise<void>;
  /** `id` is `<node>/<key>`. Throws `unknown-alert`. */
  acknowledge(id: string, by: string): Promise<HubAlert>;
  /** Raised now, worst first, then oldest first. */
  raised(): HubAlert[];
  all(): HubAlert[];
}

export function alertId(alert: Pick<HubAlert, 'node' | 'key'>): string {
  return `${alert.node}/${alert.key}`;
}

const rank = { critical: 0, warning: 1, info: 2 } as const;

/** Alerts of the fleet, on disk with every change. One of a key at a time; the cleared ones stay for a while. */
export async function openAlerts(options: { files: Files; path: string; utc(): number }): Promise<Alerts> {
  const { files, path } = options;
  const bytes = await readIfThere(files, path, maxBytes);
  const parsed = z.array(alertSchema).safeParse(bytes === undefined ? [] : parseJson(bytes));
  if (!parsed.success)
    throw new Failure('corrupt', 'alerts-broken', `${path} is damaged: move it away and start again`);
  let alerts = parsed.data;
  let writing: Promise<void> = Promise.resolve();
  const keep = (): Promise<void> => {
    const cleared = alerts.filter(({ clearedAt }) => clearedAt !== undefined);
    const surplus = new Set(cleared.slice(0, Math.max(0, cleared.length - maxCleared)));
    alerts = alerts.filter((alert) => !surplus.has(alert));
    writing = writing.catch(() => {}).then(() => writeDurably(files, path, JSON.stringify(alerts)));
    return writing;
  };
  const live = (node: string, key: string, from: HubAlert['from']): HubAlert | undefined =>
    alerts.find(
      (alert) =>
        alert.node === node && alert.key === key && alert.from === from && alert.clearedAt === undefined,
    );

  return {
    async raise({ node, key, severity: grade, detail, from, since }) {
      const before = live(node, key, from);
      if (before?.severity === grade && before.detail === detail) return;
      if (before) Object.assign(before, { severity: grade, detail });
      else alerts.push({ node, key, severity: grade, since: since ?? options.utc(), detail, from });
      await keep();
    },
    async clear(node, key, from) {
      const alert = live(node, key, from);
      if (alert === undefined) return;
      alert.clearedAt = options.utc();
      await keep();
    },
    async acknowledge(id, by) {
      const alert = alerts.find((one) => alertId(one) === id && one.clearedAt === undefined);
      if (alert === undefined)
        throw new Failure('denied', 'unknown-alert', `no alert ${id} is raised: see "hub status"`);
      alert.acknowledged = { at: options.utc(), by };
      await keep();
      return alert;
    },
    raised: () =>
      alerts
        .filter(({ clearedAt }) => clearedAt === undefined)
        .sort((a, b) => rank[a.severity] - rank[b.severity] || a.since - b.since),
    all: () => [...alerts],
  };
}
