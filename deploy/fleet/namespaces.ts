import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { sentenceOf } from '#protocol/failure.ts';
import { type Place, routesDown } from './topology.ts';

/** The town's network on this machine: a namespace a place, a veth pair a link, tbf for what a radio carries. */
export interface Town {
  /** What puts a program into the namespace of a place, or of the cameras. */
  within(place: string): string[];
  /**
   * Takes the link of a place to the next one away, or gives it back. As a radio fails: nothing passes, and neither
   * end is told.
   */
  link(place: string, state: 'whole' | 'cut'): void;
  /** What the link of a place carries from now on, each way. */
  rate(place: string, mbit: number): void;
  /** Where this machine reaches the town hall. */
  door: string;
}

/** Where all cameras stand; each site's switch is a link of its own that no radio slows. */
export const camerasPlace = 'cameras';

/** Every name on this machine begins with it, so that what a killed run left can be told. */
const prefix = 'peio-fleet-';
/** Locally administered, and of no device here. */
const nobody = '02:00:5e:00:53:01';

function run(command: string, ...args: string[]): void {
  try {
    execFileSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  } catch (error) {
    const { stderr } = error as { stderr?: Buffer };
    throw new Error(`${command} ${args.join(' ')}: ${stderr?.toString().trim() || sentenceOf(error)}`);
  }
}

/** Why this machine cannot make one; undefined where it can. */
export function whyNoNamespaces(): string | undefined {
  if (process.getuid?.() !== 0) return 'only root can make network namespaces';
  for (const [program, flag] of [
    ['ip', '-V'],
    ['tc', '-V'],
    ['sysctl', '-V'],
  ] as const)
    if (spawnSync(program, [flag], { stdio: 'ignore' }).error) return `${program} is not installed`;
  const trial = `${prefix}trial-${process.pid}`;
  try {
    run('ip', 'netns', 'add', trial);
    run('ip', '-n', trial, 'link', 'add', 'near', 'type', 'veth', 'peer', 'name', 'far');
    run('tc', '-n', trial, ...shaping('near', 1));
    return undefined;
  } catch (error) {
    return `this machine makes no namespaces with shaped links: ${sentenceOf(error)}`;
  } finally {
    spawnSync('ip', ['netns', 'del', trial], { stdio: 'ignore' });
  }
}

/** Room for a burst of the size that segmentation offload hands over, and a radio's queue of a fifth of a second. */
function shaping(device: string, mbit: number): string[] {
  return [
    ...['qdisc', 'replace', 'dev', device, 'root', 'tbf'],
    ...['rate', `${Math.round(mbit * 1000)}kbit`, 'burst', '64kb', 'latency', '200ms'],
  ];
}

/**
 * Builds it. `tag` tells runs apart; the third byte of the door's link-local network is made from it.
 */
export function openTown(places: readonly Place[], tag: string): Town {
  const name = (place: string): string => `${prefix}${tag}-${place}`;
  const ip = (place: string, ...args: string[]): void => run('ip', '-n', name(place), ...args);
  const down = (place: string): string => `d-${place}`;
  const hub = places[0] as Place;
  const third = (Number.parseInt(tag, 16) % 254) + 1;
  const door = `169.254.${third}.2`;

  mkdirSync('/run/netns', { recursive: true });
  for (const place of [...places.map(({ id }) => id), camerasPlace]) {
    run('ip', 'netns', 'add', name(place));
    ip(place, 'link', 'set', 'lo', 'up');
  }
  const forward = (place: string): void =>
    run('ip', 'netns', 'exec', name(place), 'sysctl', '-qw', 'net.ipv4.ip_forward=1');
  forward(hub.id);
  ip(hub.id, 'address', 'add', `${hub.address}/32`, 'dev', 'lo');
  for (const place of places) {
    const { id, address, uplink, cameras } = place;
    if (uplink) {
      ip(id, 'address', 'add', `${address}/32`, 'dev', 'lo');
      ip(id, 'link', 'add', 'uplink', 'type', 'veth', 'peer', 'name', down(id), 'netns', name(uplink.to));
      shape(id, uplink.to, uplink.mbit);
      join(id, uplink.to);
      forward(id);
    }
    if (cameras.length > 0) addSwitch(place);
  }
  // Of this machine: where a browser reaches the page.
  const near = `pf${tag}`;
  run('ip', 'link', 'add', near, 'type', 'veth', 'peer', 'name', 'door', 'netns', name(hub.id));
  run('ip', 'address', 'add', `169.254.${third}.1/30`, 'dev', near);
  run('ip', 'link', 'set', near, 'up');
  ip(hub.id, 'address', 'add', `${door}/30`, 'dev', 'door');
  ip(hub.id, 'link', 'set', 'door', 'up');

  function shape(id: string, to: string, mbit: number): void {
    run('tc', '-n', name(id), ...shaping('uplink', mbit));
    run('tc', '-n', name(to), ...shaping(down(id), mbit));
  }
  function addressOf(id: string): string {
    return (places.find((place) => place.id === id) as Place).address;
  }
  function join(id: string, to: string): void {
    const next = addressOf(to);
    ip(to, 'link', 'set', down(id), 'up');
    ip(id, 'link', 'set', 'uplink', 'up');
    ip(id, 'route', 'add', 'default', 'via', next, 'dev', 'uplink', 'src', addressOf(id), 'onlink');
    for (const { network, via } of routesDown(places, to).filter((route) => route.via === id))
      ip(to, 'route', 'add', network, 'via', addressOf(via), 'dev', down(via), 'onlink');
  }
  /** Frames for a device that is not there are dropped by the other end of a veth pair as they arrive. */
  function cut(place: string, device: string, next: string): void {
    ip(place, 'neigh', 'replace', next, 'lladdr', nobody, 'dev', device, 'nud', 'permanent');
  }
  function mend(place: string, device: string, next: string): void {
    ip(place, 'neigh', 'del', next, 'dev', device);
  }
  function addSwitch({ id, address, cameras: standing }: Place): void {
    ip(id, 'link', 'add', 'switch', 'type', 'veth', 'peer', 'name', id, 'netns', name(camerasPlace));
    ip(id, 'link', 'set', 'switch', 'up');
    ip(camerasPlace, 'link', 'set', id, 'up');
    ip(camerasPlace, 'route', 'add', `${address}/32`, 'dev', id);
    for (const camera of standing) {
      ip(camerasPlace, 'address', 'add', `${camera.address}/32`, 'dev', id);
      ip(id, 'route', 'add', `${camera.address}/32`, 'dev', 'switch', 'src', address);
    }
  }
  const parentOf = (id: string): string => {
    const to = places.find((place) => place.id === id)?.uplink?.to;
    if (to === undefined) throw new Error(`${id} has no link to take away`);
    return to;
  };
  return {
    within: (place) => ['ip', 'netns', 'exec', name(place)],
    link(place, state) {
      const to = parentOf(place);
      const change = state === 'cut' ? cut : mend;
      change(place, 'uplink', addressOf(to));
      change(to, down(place), addressOf(place));
    },
    rate: (place, mbit) => shape(place, parentOf(place), mbit),
    door,
  };
}

/** Ends what still runs in the namespaces of `tag` and removes them, with every link of theirs. */
export function removeTown(tag: string): void {
  const list = spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' }).stdout ?? '';
  const mine = list
    .split('\n')
    .map((line) => line.split(' ')[0] as string)
    .filter((name) => name.startsWith(`${prefix}${tag}-`));
  for (const name of mine) {
    const pids = spawnSync('ip', ['netns', 'pids', name], { encoding: 'utf8' }).stdout ?? '';
    for (const pid of pids.split('\n').filter(Boolean).map(Number))
      if (pid !== process.pid && existsSync(`/proc/${pid}`))
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // It ended by itself meanwhile.
        }
  }
  for (const name of mine) run('ip', 'netns', 'del', name);
  // A veth pair goes with either end, but only once the kernel has got round to the namespace.
  spawnSync('ip', ['link', 'del', `pf${tag}`], { stdio: 'ignore' });
}
