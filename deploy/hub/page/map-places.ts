import type { State } from '#agent/view/states.ts';

/** A place of the town on the map. */
export interface Place {
  id: string;
  name: string;
  lat: number;
  lon: number;
  state: State;
  /** `municipio`, a relay or a site. */
  role: 'hub' | 'relay' | 'site';
}

export interface Point {
  x: number;
  y: number;
}

/** A line between two places. */
export interface Way {
  from: string;
  to: string;
  state: State;
  capacityMbit?: number | undefined;
  /** Footage goes over it now; only for those who may know. */
  flows: boolean;
}

const metresPerDegree = 111_320;

/** Web Mercator at unit scale: at the size of a valley every projection that keeps angles looks the same. */
export function mercator({ lat, lon }: Pick<Place, 'lat' | 'lon'>): Point {
  const phi = (lat * Math.PI) / 180;
  return { x: (lon * Math.PI) / 180, y: -Math.log(Math.tan(Math.PI / 4 + phi / 2)) };
}

/** Metres to a unit of {@link mercator} at a latitude. */
export function metresPerUnit(lat: number): number {
  return ((metresPerDegree * 180) / Math.PI) * Math.cos((lat * Math.PI) / 180);
}

export interface Cluster {
  title: string;
  places: Place[];
}

/** Places this near to the next one belong together; fewer than five find room on the map itself. */
const nearMetres = 350;
const leastPlaces = 5;

/** Groups of places that lie too close to each other for the map of the whole valley. */
export function clustersOf(places: readonly Place[]): Cluster[] {
  const at = new Map(
    places.map((place) => [place, { ...mercator(place), perUnit: metresPerUnit(place.lat) }]),
  );
  const near = (a: Place, b: Place): boolean => {
    const [p, q] = [at.get(a), at.get(b)];
    return p !== undefined && q !== undefined && Math.hypot(p.x - q.x, p.y - q.y) * p.perUnit <= nearMetres;
  };
  const left = new Set(places);
  const clusters: Cluster[] = [];
  for (const first of places) {
    if (!left.delete(first)) continue;
    const group = [first];
    for (const one of group)
      for (const other of left)
        if (near(one, other)) {
          left.delete(other);
          group.push(other);
        }
    if (group.length >= leastPlaces) clusters.push({ title: titleOf(group), places: group });
  }
  return clusters;
}

/** The words that most of the names have, in the order in which they have them. */
function titleOf(places: readonly Place[]): string {
  const counts = new Map<string, number>();
  for (const { name } of places)
    for (const word of new Set(name.split(/[\s-]+/))) counts.set(word, (counts.get(word) ?? 0) + 1);
  const common = [...counts].filter(([, count]) => count > places.length / 2).map(([word]) => word);
  return common.length > 0 ? common.join(' ') : (places[0]?.name ?? '');
}
