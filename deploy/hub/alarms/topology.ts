/** Which place reaches the town hall by way of which. An assumption until the network as built confirms it. */
export interface Topology {
  nodes(): readonly string[];
  /** From a node to the town hall, itself first; a circle ends where it closes. */
  way(node: string): readonly string[];
  /** The next place on that way; undefined where that is the town hall, or nobody knows. */
  uplink(node: string): string | undefined;
}

/** `places` say what they know; a node that they do not name stands alone. */
export function topologyOf(
  nodes: readonly string[],
  places: readonly { id: string; uplink?: string | undefined }[],
): Topology {
  const known = new Set(nodes);
  const uplinks = new Map(
    places.flatMap(({ id, uplink }) =>
      uplink !== undefined && known.has(uplink) && uplink !== id ? [[id, uplink] as const] : [],
    ),
  );
  return {
    nodes: () => nodes,
    uplink: (node) => uplinks.get(node),
    way(node) {
      const way: string[] = [];
      for (let at: string | undefined = node; at !== undefined && !way.includes(at); at = uplinks.get(at))
        way.push(at);
      return way;
    },
  };
}
