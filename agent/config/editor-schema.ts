import { z } from 'zod';
import { configSchema } from './schema.ts';

/** What an editor shows over a key of agent.yaml; every key of the schema has its line, and a test says so. */
const meanings: Readonly<Record<string, string>> = {
  node: 'Identity of this node, as the town hall knows it.',
  store: 'Where recordings lie, and how long.',
  'store.path': 'Folder of the store.',
  'store.mount':
    'Mount point of the disk the store lies on: while it is missing, nothing is recorded, rather than filling the disk of the system.',
  'store.retention': 'How long recordings are kept: 7 days at most (Art. 3 c. 2).',
  'store.segment': 'Length of a segment: what a power cut may tear, at most.',
  'store.reserve': 'Part of the disk that stays free.',
  trust: 'Whose signatures make a policy.',
  'trust.roots': 'File with the public keys of the roots.',
  'trust.threshold': 'How many of the roots must have signed.',
  policy: 'File of the first policy; later ones come over MQTT.',
  signing: 'Secret with the key this node signs its log and manifests with.',
  cameras: 'Cameras of this site; a relay has none.',
  'cameras[].id': 'Identity of the camera; names its folder in the store.',
  'cameras[].name': 'What staff read.',
  'cameras[].rtsp': 'Address of the stream, without user or password.',
  'cameras[].ingest': 'auto: in process where the stream allows it, else through ffmpeg.',
  'cameras[].transport': 'How the stream travels; rtsps wants tcp.',
  'cameras[].tls': 'What vouches for a camera that signed its certificate itself: ca or fingerprint.',
  'cameras[].tls.ca': 'File with the certificate of who signed.',
  'cameras[].tls.fingerprint': 'SHA-256 of its certificate: 32 pairs of hex digits with colons.',
  'cameras[].onvif': 'Address of its ONVIF device service.',
  'cameras[].credentials': 'Secret with user:password.',
  'cameras[].ptz': 'Whether it turns: then its position is asked.',
  ffmpeg: 'Path of an ffmpeg before that of the system.',
  mqtt: 'The broker.',
  'mqtt.url': 'Its address; mqtts unless on loopback.',
  'mqtt.ca': 'File with the certificate of who signed its certificate.',
  'mqtt.cert': 'File with the certificate of this node.',
  'mqtt.key': 'File with the key of that certificate.',
  upload: 'Where sealed footage goes on a command.',
  'upload.url': 'Address of the town hall’s receiver.',
  'upload.limit': 'The most it may take of the link.',
  'upload.ca': 'File with the certificate of who signed its certificate.',
  'upload.cert': 'File with the certificate of this node.',
  'upload.key': 'File with the key of that certificate.',
  links: 'Links of this node, each with its probe.',
  'links[].id': 'Identity of the link.',
  'links[].to': 'Node at its other end.',
  'links[].probe': 'stamp measures loss and delay each way; ping, tcp and snmp ask what answers.',
  'links[].target': 'Host that is asked; a port where the probe wants one.',
  'links[].credentials': 'Secret with the SNMP community or user.',
  'links[].slow': 'A round trip above this is slow.',
  'links[].model': 'Radio whose SNMP objects are known.',
  'links[].oids': 'SNMP objects of another radio.',
  'links[].oids.signalDbm': 'Received signal, dBm.',
  'links[].oids.noiseDbm': 'Noise, dBm.',
  'links[].oids.capacityMbit': 'Capacity, Mbit/s.',
  'links[].auth': 'Hash of SNMPv3 authentication.',
  ups: 'An uninterruptible power supply, asked by Network UPS Tools’ protocol.',
  'ups.server': 'Where upsd answers.',
  'ups.name': 'Its name in ups.conf.',
  stamp: 'Answers those who measure a link to this node (RFC 8762).',
  'stamp.listen': 'Address and UDP port.',
  health: 'What is told of this node.',
  'health.interval': 'Between two health messages while nothing changes.',
  'health.pictures': 'Between two judged pictures of a camera.',
  web: 'The page for whoever stands before this box.',
  'web.listen': 'A loopback address and port.',
  lang: 'Language of what staff read on this box.',
  zone: 'Time zone in which times are shown; everything kept is UTC.',
  socket: 'Where `agent status` asks.',
};

type Node = {
  properties?: Record<string, Node>;
  items?: Node;
  required?: string[];
  description?: string;
};

/** JSON Schema (2020-12) of agent.yaml for editors. What only the agent can judge, `agent check` says. */
export function editorSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' });
  const used = new Set<string>();
  explain(schema as Node, '', used);
  const left = Object.keys(meanings).filter((path) => !used.has(path));
  if (left.length > 0) throw new Error(`agent.yaml has no ${left.join(', ')}`);
  return { title: 'agent.yaml of the Peio edge agent', ...schema };
}

function explain(node: Node, path: string, used: Set<string>): void {
  for (const [key, child] of Object.entries(node.properties ?? {})) {
    const at = path === '' ? key : `${path}.${key}`;
    const meaning = meanings[at];
    if (meaning === undefined) throw new Error(`nothing is said of ${at}`);
    used.add(at);
    child.description = child.description === undefined ? meaning : `${meaning} ${child.description}`;
    explain(child, at, used);
    if (child.items) explain(child.items, `${at}[]`, used);
  }
}
