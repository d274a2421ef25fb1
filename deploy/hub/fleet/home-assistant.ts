import type { Bus } from '#agent/mqtt/bus.ts';
import { topics } from '#protocol/topics.ts';
import type { Settings } from '../settings.ts';

/**
 * What Home Assistant reads by MQTT device discovery (<https://www.home-assistant.io/integrations/mqtt/>): each node a
 * device, its cameras and links as problems, its disk, heat and clock as sensors. Read-only: no command topic is
 * named. The values are the node's own messages; a brief one lacks what has not changed, and leaves it as it was.
 */
export function discoveryOf(
  node: Settings['nodes'][number],
  prefix: string,
  version: string,
): { topic: string; payload: string } {
  const state = topics.state(node.id);
  const health = topics.health(node.id);
  const kept = 'this.state | default("unknown")';
  const sensor = (key: string, name: string, value: string, more: object = {}): [string, object] => [
    `${node.id}-${key}`,
    {
      platform: 'sensor',
      unique_id: `peio-${node.id}-${key}`,
      name,
      state_topic: health,
      value_template: `{{ ${value} if ${value} is defined else (${kept}) }}`,
      ...more,
    },
  ];
  const problem = (key: string, name: string, template: string): [string, object] => [
    `${node.id}-${key}`,
    {
      platform: 'binary_sensor',
      unique_id: `peio-${node.id}-${key}`,
      name,
      device_class: 'problem',
      state_topic: health,
      value_template: template,
    },
  ];
  const worse = (list: string, id: string, right: string): string =>
    `{% set found = (value_json.${list} | default([])) | selectattr("id", "eq", "${id}") | list %}` +
    `{{ ("OFF" if found[0].state == "${right}" else "ON") if found else (${kept}) }}`;
  return {
    topic: `${prefix}/device/peio-${node.id}/config`,
    payload: JSON.stringify({
      device: { identifiers: [`peio-${node.id}`], name: node.name, manufacturer: 'Peio edge agent' },
      origin: { name: 'peio-hub', sw_version: version },
      availability_topic: state,
      availability_template: '{{ value_json.state }}',
      components: Object.fromEntries([
        ...node.cameras.map(({ id, name }) =>
          problem(`camera-${id}`, name, worse('cameras', id, 'recording')),
        ),
        ...(node.uplink === undefined ? [] : [problem('uplink', 'Uplink', worse('links', 'uplink', 'up'))]),
        sensor('disk', 'Disk: room for', 'value_json.store.forecastHours', {
          unit_of_measurement: 'h',
          device_class: 'duration',
        }),
        sensor('heat', 'Temperature', 'value_json.host.temperatureCelsius', {
          unit_of_measurement: '°C',
          device_class: 'temperature',
        }),
        sensor('clock', 'Clock', 'value_json.clock.state'),
      ]),
    }),
  };
}

/** Says every node at each connection; with `discovery: false` takes back what was said. */
export function tellHomeAssistant(
  bus: Pick<Bus, 'publish' | 'onConnect'>,
  settings: Pick<Settings, 'homeAssistant' | 'nodes'>,
  version: string,
  failed: (error: unknown) => void,
): void {
  const { homeAssistant, nodes } = settings;
  if (homeAssistant === undefined) return;
  bus.onConnect(() => {
    for (const node of nodes) {
      const { topic, payload } = discoveryOf(node, homeAssistant.prefix, version);
      bus.publish({ topic, payload: homeAssistant.discovery ? payload : '', retain: true }).catch(failed);
    }
  });
}
