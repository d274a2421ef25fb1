import { Gauge, Registry } from 'prom-client';
import type { AlertPayload, Health } from '#protocol/messages.ts';

/** One node, as its metrics are made; never a request, a hold or an extraction. */
export interface Measured {
  node: string;
  version?: string | undefined;
  online?: boolean;
  health?: Health | undefined;
  alerts: readonly Pick<AlertPayload, 'key' | 'severity'>[];
}

/** In the order in which a label's value may be one of them. */
const cameraStates = ['recording', 'connecting', 'failed'] as const;
const clockStates = ['synced', 'unknown', 'unsynchronised', 'stepped'] as const;

/**
 * Metrics in Prometheus' text format, of one node or of all that a town hall knows: the same names, told apart by the
 * label `node`. Seconds, bytes and ratios, as <https://prometheus.io/docs/practices/naming/> asks.
 */
export async function metricsText(nodes: readonly Measured[]): Promise<string> {
  const registry = new Registry();
  const gauge = (name: string, help: string, ...labels: string[]) => {
    const made = new Gauge({
      name: `peio_${name}`,
      help,
      labelNames: ['node', ...labels],
      registers: [registry],
    });
    return (node: string, value: number | undefined, ...values: string[]): void => {
      if (value === undefined) return;
      made.set({ node, ...Object.fromEntries(labels.map((label, i) => [label, values[i] ?? ''])) }, value);
    };
  };
  const info = gauge('node_info', 'Always 1; the version of the agent', 'version');
  const online = gauge('node_online', '1 while the node is connected to the town hall');
  const healthAt = gauge('health_timestamp_seconds', 'When the node looked at itself');
  const camera = gauge('camera_state', '1 for the state the camera is in', 'camera', 'state');
  const bitrate = gauge('camera_bitrate_bits_per_second', 'What the camera sends', 'camera');
  const frames = gauge('camera_frames_per_second', 'What the camera sends', 'camera');
  const newest = gauge(
    'camera_newest_segment_timestamp_seconds',
    'End of the newest sealed segment',
    'camera',
  );
  const lost = gauge('camera_lost_packets', 'Packets lost since the stream began', 'camera');
  const picture = gauge('camera_picture', '1 for what its pictures are judged to be', 'camera', 'verdict');
  const free = gauge('store_free_bytes', 'Free on the disk of the store');
  const total = gauge('store_size_bytes', 'Size of the disk of the store');
  const room = gauge('store_forecast_seconds', 'How much footage fits at the bitrates of now');
  const clock = gauge('clock_state', '1 for the state the clock is in', 'state');
  const load = gauge('host_load1', 'Load average of one minute');
  const memoryFree = gauge('host_memory_free_bytes', 'Free memory');
  const memory = gauge('host_memory_size_bytes', 'Memory');
  const heat = gauge('host_temperature_celsius', 'Of the first thermal zone');
  const uptime = gauge('host_uptime_seconds', 'Since the machine started');
  const connected = gauge('mqtt_connected', '1 while the broker is reached');
  const reconnects = gauge('mqtt_reconnects', 'Reconnections since the agent started');
  const linkUp = gauge('link_up', '1 while the link answers; absent while it is not measured', 'link', 'to');
  const linkLoss = gauge('link_loss_ratio', 'Of the newest probes', 'link', 'to');
  const linkDelay = gauge('link_round_trip_seconds', 'Median of the newest probes', 'link', 'to');
  const linkJitter = gauge('link_jitter_seconds', 'From one probe to the next', 'link', 'to');
  const signal = gauge('link_signal_dbm', 'What the radio reports', 'link', 'to');
  const alert = gauge('alert_raised', '1 for each alert that is raised', 'condition', 'subject', 'severity');

  for (const { node, version, online: isOnline, health, alerts } of nodes) {
    info(node, version === undefined ? undefined : 1, version ?? '');
    online(node, isOnline === undefined ? undefined : Number(isOnline));
    for (const { key, severity } of alerts) {
      const dot = key.indexOf('.');
      alert(node, 1, dot < 0 ? key : key.slice(0, dot), dot < 0 ? '' : key.slice(dot + 1), severity);
    }
    if (health === undefined) continue;
    const { store, host, mqtt, links } = health;
    healthAt(node, health.at / 1000);
    for (const one of health.cameras ?? []) {
      for (const state of cameraStates) camera(node, Number(one.state === state), one.id, state);
      bitrate(node, one.bitrate, one.id);
      frames(node, one.fps, one.id);
      newest(node, one.newestSegment === undefined ? undefined : one.newestSegment / 1000, one.id);
      lost(node, one.lostPackets ?? 0, one.id);
      picture(node, one.picture === undefined ? undefined : 1, one.id, one.picture ?? '');
    }
    free(node, store.freeBytes);
    total(node, store.totalBytes);
    room(node, store.forecastHours === undefined ? undefined : store.forecastHours * 3600);
    for (const state of clockStates) clock(node, Number(health.clock.state === state), state);
    load(node, host.load1);
    memoryFree(node, host.memoryFreeBytes);
    memory(node, host.memoryTotalBytes);
    heat(node, host.temperatureCelsius);
    uptime(node, host.uptimeSeconds);
    connected(node, Number(mqtt.connected));
    reconnects(node, mqtt.reconnects);
    for (const link of links) {
      const measured = link.state === 'unknown' ? undefined : Number(link.state === 'up');
      linkUp(node, measured, link.id, link.to);
      linkLoss(node, link.lossPercent === undefined ? undefined : link.lossPercent / 100, link.id, link.to);
      linkDelay(node, link.delayMs === undefined ? undefined : link.delayMs / 1000, link.id, link.to);
      linkJitter(node, link.jitterMs === undefined ? undefined : link.jitterMs / 1000, link.id, link.to);
      signal(node, link.signalDbm, link.id, link.to);
    }
  }
  return await registry.metrics();
}

export const metricsType = 'text/plain; version=0.0.4; charset=utf-8';
