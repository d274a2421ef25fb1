import { byState, cameraState, type State, worst } from '#agent/view/states.ts';
import type { AlarmView } from '../alarms/alarms.ts';
import { isForMaintenance } from '../alarms/hub-conditions.ts';
import type { Maintenance } from '../alarms/life.ts';
import type { NodeSight } from '../fleet/fleet.ts';
import type { Settings } from '../settings.ts';
import type { LoginRole } from './logins.ts';

type Place = Settings['nodes'][number];

export interface CameraView {
  node: string;
  id: string;
  name: string;
  place: string;
  state: State;
}

export interface NodeView {
  id: string;
  name: string;
  role: 'site' | 'relay';
  state: State;
  sight: NodeSight;
  /** Those that stand and are not set aside. */
  alerts: AlarmView[];
  /** Somebody works there until then, UTC milliseconds. */
  maintenanceUntil: number | undefined;
  cameras: CameraView[];
  /** The next place on the way to the town hall. */
  uplink: string | undefined;
  /** A place on that way that is out of reach itself, and explains why this one is. */
  behind: string | undefined;
}

/** The alerts that a role may see. Nodes never speak of requests, holds and extractions in theirs. */
export function alertsFor<Alert extends Pick<AlarmView, 'from' | 'key'>>(
  role: LoginRole,
  alerts: readonly Alert[],
): Alert[] {
  return role === 'maintainer' ? alerts.filter(isForMaintenance) : [...alerts];
}

/** Nodes with their cameras, worst first. A node that is only cut off by another is affected, not failing. */
export function nodeViews(
  sights: readonly NodeSight[],
  alarms: readonly AlarmView[],
  settings: Pick<Settings, 'nodes'>,
  maintenance: readonly Maintenance[],
  nowUtc: number,
): NodeView[] {
  const places = new Map(settings.nodes.map((place) => [place.id, place]));
  const byId = new Map(sights.map((sight) => [sight.id, sight]));
  return sights
    .map((sight) => {
      const works = maintenance.filter(
        ({ node, from, until }) => node === sight.id && from <= nowUtc && nowUtc < until,
      );
      const until = works.length > 0 ? Math.max(...works.map((work) => work.until)) : undefined;
      return nodeView(sight, alarms, places, byId, until);
    })
    .sort((a, b) => byState(a.state, b.state) || a.name.localeCompare(b.name, 'it'));
}

function nodeView(
  sight: NodeSight,
  alarms: readonly AlarmView[],
  places: ReadonlyMap<string, Place>,
  sights: ReadonlyMap<string, NodeSight>,
  maintenanceUntil: number | undefined,
): NodeView {
  const place = places.get(sight.id);
  const own = alarms.filter(({ node }) => node === sight.id);
  const mine = own.filter(({ state }) => state.endsWith('acknowledged-active'));
  const setAside = (condition: string): boolean =>
    maintenanceUntil !== undefined ||
    own.some(({ key, state }) => key === condition && (state === 'shelved' || state === 'out-of-service'));
  const behind = sight.state === 'offline' ? brokenWay(sight.id, places, sights) : undefined;
  const name = place?.name ?? sight.id;
  const cameras = (place?.cameras ?? []).map((camera): CameraView => {
    const seen = sight.health?.cameras?.find(({ id }) => id === camera.id);
    const about = mine.filter(({ key }) => key.slice(key.indexOf('.') + 1) === camera.id);
    const severities = about.map(({ severity }) => severity);
    // What a node said before it fell silent is no longer so.
    const state =
      behind !== undefined
        ? 'affected'
        : sight.state !== 'online' || seen === undefined
          ? 'unknown'
          : cameraState(seen.state, severities);
    const rests = state !== 'ok' && setAside(`camera-down.${camera.id}`);
    return {
      node: sight.id,
      id: camera.id,
      name: camera.name,
      place: name,
      state: rests ? 'shelved' : state,
    };
  });
  return {
    id: sight.id,
    name,
    role: place?.role ?? 'site',
    state:
      sight.state !== 'online' && setAside('node-down') ? 'shelved' : stateOf(sight, mine, cameras, behind),
    sight,
    alerts: mine,
    maintenanceUntil,
    cameras,
    uplink: place?.uplink,
    behind,
  };
}

function stateOf(
  sight: NodeSight,
  alerts: readonly AlarmView[],
  cameras: readonly CameraView[],
  behind: string | undefined,
): State {
  if (behind !== undefined) return 'affected';
  if (sight.state === 'offline') return 'failing';
  const own: State[] = alerts.map(({ severity }) =>
    severity === 'critical' ? 'failing' : severity === 'warning' ? 'degraded' : 'ok',
  );
  if (sight.state === 'unknown') return worst([...own, 'unknown']);
  return worst([...own, ...cameras.map(({ state }) => state)]);
}

/** The farthest place on the way to the town hall that is out of reach: the one to mend. */
function brokenWay(
  id: string,
  places: ReadonlyMap<string, Place>,
  sights: ReadonlyMap<string, NodeSight>,
): string | undefined {
  let broken: string | undefined;
  const passed = new Set([id]);
  for (let at = places.get(id)?.uplink; at !== undefined && !passed.has(at); at = places.get(at)?.uplink) {
    passed.add(at);
    if (sights.get(at)?.state === 'offline') broken = at;
  }
  return broken;
}

/** Nodes on the way from a node to the town hall, itself first. */
export function wayOf(id: string, settings: Pick<Settings, 'nodes'>): string[] {
  const places = new Map(settings.nodes.map((place) => [place.id, place]));
  const way: string[] = [];
  let at: string | undefined = id;
  while (at !== undefined && !way.includes(at)) {
    const place: Place | undefined = places.get(at);
    if (place === undefined) break;
    way.push(at);
    at = place.uplink;
  }
  return way;
}
