/** MQTT topics, root `peio/v1/<node>/`. */

export const hubNode = 'hub';

export const topics = {
  state: (node: string) => `peio/v1/${node}/state`,
  health: (node: string) => `peio/v1/${node}/health`,
  alert: (node: string, key: string) => `peio/v1/${node}/alert/${key}`,
  event: (node: string) => `peio/v1/${node}/event`,
  checkpoint: (node: string) => `peio/v1/${node}/checkpoint`,
  cosignature: (node: string) => `peio/v1/${node}/cosignature`,
  command: (node: string) => `peio/v1/${node}/command`,
  commandStatus: (node: string, id: string) => `peio/v1/${node}/command/${id}/status`,
  hubState: 'peio/v1/hub/state',
  hubPolicy: 'peio/v1/hub/policy',
} as const;

export type Topic =
  | { node: string; kind: 'state' | 'health' | 'event' | 'checkpoint' | 'cosignature' | 'command' | 'policy' }
  | { node: string; kind: 'alert'; key: string }
  | { node: string; kind: 'command-status'; id: string };

/** Undefined for any topic that is not ours. */
export function parseTopic(topic: string): Topic | undefined {
  const [root, version, node, kind, first, second, ...rest] = topic.split('/');
  if (root !== 'peio' || version !== 'v1' || !node || !kind || rest.length > 0) return undefined;
  if (first === undefined) {
    switch (kind) {
      case 'state':
      case 'health':
      case 'event':
      case 'checkpoint':
      case 'cosignature':
      case 'command':
      case 'policy':
        return { node, kind };
      default:
        return undefined;
    }
  }
  if (kind === 'alert' && second === undefined) return { node, kind, key: first };
  if (kind === 'command' && second === 'status') return { node, kind: 'command-status', id: first };
  return undefined;
}
