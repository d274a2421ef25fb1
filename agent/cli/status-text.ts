import type { LocalStatus } from '../web/local.ts';

type Camera = NonNullable<LocalStatus['health']['cameras']>[number];

/** Shape and word of a state: never by colour alone. */
const shapes = { recording: '●', connecting: '◐', failed: '▲' } as const;
const words = {
  it: {
    recording: 'registra',
    connecting: 'si collega',
    failed: 'guasta',
    since: 'da',
    good: (cameras: number) =>
      `Tutto regolare: ${cameras === 1 ? '1 telecamera registra' : `${cameras} telecamere registrano`}.`,
    relay: 'Tutto regolare: nodo senza telecamere.',
    bad: (alerts: number) => (alerts === 1 ? '1 guasto:' : `${alerts} guasti:`),
    starting: (count: number) =>
      `${count === 1 ? '1 telecamera non registra' : `${count} telecamere non registrano`} ancora.`,
    disk: (free: string, hours: string) => `disco: ${free} liberi${hours}`,
    fits: (hours: string) => `, spazio per ${hours}`,
    clock: {
      synced: 'sincronizzato',
      unknown: 'non verificabile',
      unsynchronised: 'non sincronizzato',
      stepped: 'corretto da poco',
    },
    broker: (on: boolean) => (on ? 'municipio: collegato' : 'municipio: non raggiungibile'),
    clockWord: 'orologio',
    newest: 'ultimo segmento',
    none: 'nessun segmento',
  },
  en: {
    recording: 'recording',
    connecting: 'connecting',
    failed: 'failed',
    since: 'for',
    good: (cameras: number) =>
      `All well: ${cameras === 1 ? '1 camera records' : `${cameras} cameras record`}.`,
    relay: 'All well: a node without cameras.',
    bad: (alerts: number) => (alerts === 1 ? '1 fault:' : `${alerts} faults:`),
    starting: (count: number) =>
      `${count === 1 ? '1 camera does not record' : `${count} cameras do not record`} yet.`,
    disk: (free: string, hours: string) => `disk: ${free} free${hours}`,
    fits: (hours: string) => `, room for ${hours}`,
    clock: {
      synced: 'synchronised',
      unknown: 'not verifiable',
      unsynchronised: 'not synchronised',
      stepped: 'just corrected',
    },
    broker: (on: boolean) => (on ? 'town hall: connected' : 'town hall: out of reach'),
    clockWord: 'clock',
    newest: 'newest segment',
    none: 'no segment',
  },
};

/** The status for a terminal: one sentence that answers, then worst first. */
export function statusText(status: LocalStatus, nowUtc: number): string {
  const t = words[status.lang];
  const { health, alerts } = status;
  const cameras = [...(health.cameras ?? [])].sort((a, b) => rank(b) - rank(a) || a.id.localeCompare(b.id));
  const idle = cameras.filter(({ state }) => state !== 'recording').length;
  const first =
    alerts.length > 0
      ? t.bad(alerts.length)
      : health.cameras === undefined
        ? t.relay
        : idle > 0
          ? t.starting(idle)
          : t.good(cameras.length);
  const alertLines = alerts.map(
    ({ key, since, detail }) => `▲ ${key}  ${t.since} ${elapsed(nowUtc - since)}  ${detail}`,
  );
  const cameraLines = cameras.map((camera) =>
    [
      `${shapes[camera.state]} ${camera.id.padEnd(10)}`,
      t[camera.state].padEnd(11),
      camera.state === 'recording'
        ? `${megabits(camera.bitrate)}  ${camera.fps ?? '?'} fps  ${camera.codec ?? ''} ${camera.width ?? '?'}×${camera.height ?? '?'}`
        : `${t.since} ${elapsed(nowUtc - (camera.since ?? nowUtc))}  ${camera.reason ?? ''}`,
      camera.newestSegment === undefined ? t.none : `${t.newest} ${elapsed(nowUtc - camera.newestSegment)}`,
    ].join('  '),
  );
  const hours = health.store.forecastHours;
  const last = [
    t.disk(bytes(health.store.freeBytes), hours === undefined ? '' : t.fits(elapsed(hours * 3_600_000))),
    `${t.clockWord}: ${t.clock[health.clock.state]}`,
    t.broker(health.mqtt.connected),
    `${status.node} ${status.version}`,
  ].join('   ');
  return `${[first, ...alertLines, '', ...cameraLines, '', last].join('\n')}\n`;
}

function rank(camera: Camera): number {
  return { recording: 0, connecting: 1, failed: 2 }[camera.state];
}

function elapsed(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

function megabits(bits: number): string {
  return `${(bits / 1e6).toFixed(1)} Mbit/s`;
}

function bytes(count: number): string {
  return count >= 1e12 ? `${(count / 1e12).toFixed(1)} TB` : `${(count / 1e9).toFixed(1)} GB`;
}
