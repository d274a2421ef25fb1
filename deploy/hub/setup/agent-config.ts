import { stringify } from 'yaml';
import { Failure } from '#protocol/failure.ts';
import type { SiteCamera, SiteNode, Sites } from './sites.ts';

/** Where the package puts what an editor says of every key. */
const editors = '# yaml-language-server: $schema=/usr/lib/peio-agent/agent/config/agent.schema.json\n';

/** The agent.yaml of one node. Secrets are named in it, never written. */
export function agentConfig(sites: Sites, node: SiteNode): string {
  const { hub } = sites;
  const made = {
    node: node.id,
    store: {
      path: '/var/lib/peio-agent',
      ...(node.mount ? { mount: node.mount } : {}),
      retention: sites.retention,
    },
    trust: { roots: 'root.pub', threshold: 1 },
    policy: 'policy.dsse.json',
    signing: 'node-key',
    cameras: node.cameras.map((camera, index) => cameraConfig(node, camera, index)),
    mqtt: { url: hub.mqtt, ...(secure(hub.mqtt) ? certificates(node.id) : {}) },
    ...(node.cameras.length > 0
      ? { upload: { url: hub.upload, ...(secure(hub.upload) && !secure(hub.mqtt) ? { ca: 'ca.crt' } : {}) } }
      : {}),
    ...(node.uplink
      ? { links: [{ id: 'uplink', to: node.uplink.to, probe: 'stamp', target: node.uplink.target }] }
      : {}),
    // Those behind it measure their link to here.
    ...(node.role === 'relay' ? { stamp: { listen: '0.0.0.0:862' } } : {}),
  };
  return editors + stringify({ ...made, ...node.agent }, { lineWidth: 0 });
}

function secure(url: string): boolean {
  return url.startsWith('mqtts:') || url.startsWith('https:');
}

function certificates(id: string) {
  return { ca: 'ca.crt', cert: `${id}.crt`, key: `${id}.key` };
}

function cameraConfig(node: SiteNode, camera: SiteCamera, index: number) {
  // Cameras begin at .11; below are the node itself, its radio and its switch.
  const host = node.net === undefined ? undefined : `${node.net}.${11 + index}`;
  const rtsp = camera.rtsp ?? (host && `rtsp://${host}/stream1`);
  if (rtsp === undefined)
    throw new Failure('config', 'sites', `${node.id}/${camera.id}: give "rtsp", or "net" of the node`);
  const onvif = camera.onvif ?? (camera.rtsp ? undefined : host && `http://${host}/onvif/device_service`);
  const credentials = camera.credentials === null ? undefined : (camera.credentials ?? camera.id);
  return {
    id: camera.id,
    name: camera.name,
    rtsp,
    transport: 'tcp',
    ...(onvif ? { onvif } : {}),
    ...(credentials ? { credentials } : {}),
    ptz: camera.ptz,
  };
}
