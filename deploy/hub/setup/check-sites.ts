import { brokerName } from '../authority/authority.ts';
import type { SiteNode, Sites } from './sites.ts';

/** What a list of sites comes to. */
export interface SitesSummary {
  sites: number;
  relays: number;
  cameras: number;
  /** Of them, those that turn. */
  ptz: number;
  camerasAnnexB: number;
}

export function summaryOf({ nodes }: Sites): SitesSummary {
  const cameras = nodes.flatMap((node) => node.cameras);
  return {
    sites: nodes.filter(({ role }) => role === 'site').length,
    relays: nodes.filter(({ role }) => role === 'relay').length,
    cameras: cameras.length,
    ptz: cameras.filter(({ ptz }) => ptz).length,
    camerasAnnexB: nodes.reduce((sum, node) => sum + (node.camerasAnnexB ?? 0), 0),
  };
}

/** What no town can be built with, one sentence each; the form was checked when the list was read. */
export function problemsOf(sites: Sites): string[] {
  const { nodes, hub } = sites;
  const problems: string[] = [];
  const known = new Set([hub.id, ...nodes.map(({ id }) => id)]);
  for (const { id, role, cameras, uplink } of nodes) {
    if (id === 'hub' || id === brokerName || id === hub.id)
      problems.push(`${id}: this name is the town hall's`);
    if (role === 'relay' && cameras.length > 0) problems.push(`${id}: a relay has no cameras`);
    if (role === 'site' && cameras.length === 0) problems.push(`${id}: a site without a camera`);
    if (uplink && !known.has(uplink.to))
      problems.push(`${id}: its uplink goes to ${uplink.to}, which is not listed`);
    for (const camera of twice(cameras.map((one) => one.id))) problems.push(`${id}: ${camera} stands twice`);
  }
  for (const net of twice(nodes.flatMap((node) => node.net ?? [])))
    problems.push(`network ${net} is given to several nodes`);
  for (const address of twice(nodes.flatMap((node) => node.cameras.flatMap((camera) => camera.rtsp ?? []))))
    problems.push(`${address} is the address of several cameras`);
  for (const { id } of nodes.filter((node) => !reaches(nodes, node, hub.id)))
    problems.push(`${id}: its uplinks do not lead to ${hub.id}`);
  return problems;
}

/** Follows the uplinks; a node without one is taken to be joined to the town hall. */
function reaches(nodes: readonly SiteNode[], from: SiteNode, hub: string): boolean {
  const passed = new Set<string>();
  for (let here: SiteNode | undefined = from; here; ) {
    if (passed.has(here.id)) return false;
    passed.add(here.id);
    const to: string | undefined = here.uplink?.to;
    if (to === undefined || to === hub) return true;
    here = nodes.find(({ id }) => id === to);
  }
  return false;
}

function twice(names: readonly string[]): string[] {
  return [...new Set(names.filter((name, index) => names.indexOf(name) !== index))];
}
