import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { grayFilter } from '#agent/camera/ffmpeg/gray.ts';
import { type Finding, openPictureJudge } from '#agent/picture/judge.ts';
import { grayBytes, grayHeight, grayWidth } from '#agent/picture/measure.ts';
import type { MonotonicMs } from '#agent/platform/clock.ts';

/**
 * Pictures a minute apart, derived from one real recording by filters and overlays: faults, and what is none. The set
 * is derived: what it tells is whether the method does what it says, and no rate in the field.
 */
export interface PictureCase {
  name: string;
  /** What has to be found; undefined for what must not be. */
  fault?: Finding;
  /** Filters of ffmpeg over the scene, before it happens and from then on. */
  before?: string;
  after: string;
  /** Pictures after it began. */
  count?: number;
}

const footage = join(import.meta.dirname, '..', 'fixtures', 'walkers.mp4');
const font = join(
  import.meta.dirname,
  '../../node_modules/dejavu-fonts-ttf/ttf/DejaVuSansCondensed-Bold.ttf',
);
const frames = 300;

/** Views of the same square: whole, two parts of it, hazy, dim. */
export const scenes: Readonly<Record<string, string>> = {
  whole: 'null',
  left: 'crop=520:390:0:100,hflip,scale=768:576',
  right: 'crop=500:375:268:150,scale=768:576',
  hazy: 'eq=contrast=0.55:brightness=0.1',
  dim: 'eq=brightness=-0.08:gamma=0.9',
};

/** Views that nothing was adjusted to: other cuts, a harder light. */
const otherScenes: Readonly<Record<string, string>> = {
  middle: 'crop=480:360:144:216,scale=768:576',
  low: 'crop=560:420:104:156,vflip,scale=768:576',
  hard: 'eq=contrast=1.25:gamma=1.2',
};

/** How a camera codes its keyframes, as ffmpeg is told. */
const codings = {
  usual: '-c:v libx264 -preset veryfast -crf 26 -g 1',
  better: '-c:v libx264 -preset fast -crf 21 -g 1',
  h265: '-c:v libx265 -preset superfast -crf 25 -x265-params log-level=error:keyint=1',
  mjpeg: '-c:v mjpeg -q:v 10',
} as const;
type Coding = keyof typeof codings;

const clock = `drawtext=fontfile=${font}:text='2026-01-15 12 %{n}':fontsize=28:fontcolor=white:x=20:y=20`;
const frozen = `select='eq(n,2)',loop=loop=-1:size=1,setpts=N/10/TB`;
const night = 'eq=gamma=0.6:contrast=0.8:brightness=-0.2,vignette=PI/3.8,noise=alls=6:allf=t';
const darkNight = 'eq=gamma=0.45:contrast=0.8:brightness=-0.28,vignette=PI/3.2,noise=alls=4:allf=t';
const lamp = (x: string, y: string, width: number): string =>
  `240*exp(-(pow(X-(${x}),2)+pow(Y-(${y}),2))/(2*${width}*${width}))`;
const lit = (...lamps: string[]): string =>
  `geq=lum='clip(lum(X,Y)+${lamps.join('+')},16,250)':cb='cb(X,Y)':cr='cr(X,Y)'`;
const flakes = (share: number): string =>
  `geq=lum='if(lt(random(1),${share}),225,lum(X,Y)*0.85+25)':cb='cb(X,Y)':cr='cr(X,Y)',gblur=sigma=1.2`;
const box = (x: number, y: number, w: number, h: number, colour: string): string =>
  `drawbox=x=${x}:y=${y}:w=${w}:h=${h}:color=${colour}:t=fill`;
const falling = (factor: number): string =>
  `geq=lum='16+(lum(X,Y)-16)*pow(${factor},N)':cb='128+(cb(X,Y)-128)*pow(${factor},N)':cr='128+(cr(X,Y)-128)*pow(${factor},N)'`;

export const pictureCases: readonly PictureCase[] = [
  { name: 'lens cap', fault: 'black', after: 'lutyuv=y=17:u=128:v=128' },
  { name: 'lens cap, with a written clock', fault: 'black', after: `lutyuv=y=18:u=128:v=128,${clock}` },
  { name: 'lens cap at night', fault: 'black', before: night, after: 'lutyuv=y=17:u=128:v=128' },
  { name: 'exposure at its end', fault: 'blinded', after: "lutyuv=y='clip(val*0.6+190,16,250)'" },
  {
    name: 'a lamp into the lens',
    fault: 'blinded',
    after: lit(lamp('380', '280', 420), lamp('300', '300', 300)),
  },
  { name: 'frozen', fault: 'frozen', after: frozen },
  { name: 'frozen under a running clock', fault: 'frozen', after: `${frozen},${clock}` },
  { name: 'frozen at night', fault: 'frozen', before: night, after: `${night},${frozen}` },
  { name: 'out of focus', fault: 'blurred', after: 'gblur=sigma=7' },
  { name: 'far out of focus', fault: 'blurred', after: 'gblur=sigma=16' },
  { name: 'out of focus at night', fault: 'blurred', before: night, after: `gblur=sigma=9,${night}` },
  { name: 'a grey cloth', fault: 'blurred', after: 'lutyuv=y=105:u=124:v=130,vignette=PI/5' },
  { name: 'a white sheet', fault: 'blurred', after: 'lutyuv=y=190:u=128:v=128,vignette=PI/7' },
  { name: 'paint on the lens', fault: 'blurred', after: "gblur=sigma=34,lutyuv=y='val*0.5+50'" },
  {
    name: 'pushed aside by a sixteenth',
    fault: 'moved',
    before: 'crop=720:540:0:0,scale=768:576',
    after: 'crop=720:540:48:36,scale=768:576',
  },
  { name: 'pushed aside by a fifth', fault: 'moved', after: 'crop=600:450:160:60,scale=768:576' },
  { name: 'sagging', fault: 'moved', after: 'crop=667:500:50:76,scale=768:576' },
  { name: 'turned by ten degrees', fault: 'moved', after: 'rotate=10*PI/180,crop=640:480,scale=768:576' },
  { name: 'turned away', fault: 'moved', after: 'crop=384:288:20:260,vflip,scale=768:576' },
  {
    name: 'pushed aside at night',
    fault: 'moved',
    before: night,
    after: `crop=640:480:120:40,scale=768:576,${night}`,
  },

  { name: 'nothing', after: 'null' },
  { name: 'a still view at a low bitrate', after: `${frozen},noise=alls=5:allf=t` },
  { name: 'night at once, infrared', after: night },
  { name: 'a darker night at once', after: darkNight },
  { name: 'day at once', before: night, after: 'null' },
  { name: 'nightfall', after: `${falling(0.94)},noise=alls=4:allf=t`, count: 40 },
  { name: 'nightfall to black', after: `${falling(0.88)},noise=alls=2:allf=t`, count: 42 },
  { name: 'clouds', after: "geq=lum='clip(lum(X,Y)*(1+0.25*sin(N*2)),16,235)':cb='cb(X,Y)':cr='cr(X,Y)'" },
  {
    name: 'half in the sun',
    after: "geq=lum='clip(if(lt(X,Y+100),lum(X,Y)*1.5,lum(X,Y)*0.7),16,235)':cb='cb(X,Y)':cr='cr(X,Y)'",
  },
  {
    name: 'headlights',
    before: night,
    after: `${night},${lit(lamp('100+40*N', '300', 60), lamp('170+40*N', '300', 60))}`,
  },
  {
    name: 'headlights, near',
    before: night,
    after: `${night},${lit(lamp('200+60*N', '260', 130), lamp('420+60*N', '260', 130))}`,
  },
  { name: 'snowfall', after: flakes(0.03) },
  { name: 'heavy snowfall', after: flakes(0.1) },
  { name: 'snowfall at night', before: night, after: `${night},${flakes(0.03)}` },
  {
    name: 'snow on the ground',
    after: "geq=lum='if(gt(Y,250),clip(lum(X,Y)*0.35+150,16,235),lum(X,Y))':cb='cb(X,Y)':cr='cr(X,Y)'",
  },
  { name: 'rain', after: 'noise=alls=25:allf=t,gblur=sigma=1' },
  {
    name: 'a parked lorry',
    after: `${box(60, 120, 400, 330, '0xd0d0c8')},${box(60, 120, 110, 330, '0x303840')},${box(90, 400, 60, 60, 'black')},${box(360, 400, 60, 60, 'black')}`,
  },
  {
    name: 'a parked lorry, near',
    after: `${box(0, 60, 560, 516, '0x8090a0')},${box(0, 480, 560, 20, 'black')}`,
  },
  {
    name: 'wind at the mast',
    after: "crop=756:566:'6+4*sin(n*3)':'5+4*cos(n*5)',scale=768:576",
    before: 'crop=756:566:6:5,scale=768:576',
  },
];

const written = (text: string, more: string): string =>
  `drawtext=fontfile=${font}:text='${text}':fontcolor=white:${more}`;
const denoised = 'hqdn3d=4:3:10:8';

/** Frozen under other clocks, and still views with ever less noise: nothing was adjusted to any of them. */
const heldOutCases: readonly PictureCase[] = [
  ...[
    written('15.01.2026  12\\:00\\:%{n}', 'fontsize=36:box=1:boxcolor=black:x=(w-tw)/2:y=h-th-12'),
    written('%{n}', 'fontsize=22:x=w-tw-16:y=12'),
    `${written('Parcheggio SP87 nord', 'fontsize=26:x=14:y=h-th-14')},${written('Gio 15 gen 12 %{n}', 'fontsize=26:x=w-tw-14:y=h-th-14')}`,
    written('2026/01/15 12 %{n}', 'fontsize=48:x=12:y=10'),
  ].map(
    (over, i): PictureCase => ({
      name: `frozen under clock ${i + 1}`,
      fault: 'frozen',
      after: `${frozen},${over}`,
    }),
  ),
  {
    name: 'frozen at night under a clock',
    fault: 'frozen',
    before: night,
    after: `${night},${frozen},${written('12 %{n}', 'fontsize=30:x=20:y=h-th-20')}`,
  },
  { name: 'still, little noise', after: `${frozen},noise=alls=2:allf=t` },
  { name: 'still, hardly any noise', after: `${frozen},noise=alls=1:allf=t` },
  { name: 'still, noise taken out', after: `${frozen},noise=alls=4:allf=t,${denoised}` },
  { name: 'still under a clock', after: `${frozen},noise=alls=2:allf=t,${clock}` },
  { name: 'still at night', before: night, after: `${night},${frozen},noise=alls=2:allf=t` },
  { name: 'people, noise taken out', after: denoised },
];

/** Each held-out case with a view and a coding that it is to be judged in. */
export const heldOut: readonly { scene: string; coding: Coding; one: PictureCase }[] = (
  [
    ['middle', 'better'],
    ['low', 'usual'],
    ['hard', 'mjpeg'],
    ['left', 'better'],
    ['hazy', 'h265'],
  ] as const
).flatMap(([scene, coding]) => heldOutCases.map((one) => ({ scene, coding, one })));

/** The pictures of one scene through one chain of filters, encoded as a camera does and scaled as the agent does. */
export function pictures(
  scene: string,
  filter: string,
  count: number,
  first = 0,
  coding: Coding = 'usual',
): Uint8Array[] {
  const step = Math.floor(frames / Math.max(count + 1, 12));
  const taken = `select='eq(mod(n-${first}\\,${step})\\,0)*gte(n\\,${first})',setpts=N/10/TB`;
  const chain = [taken, scenes[scene] ?? otherScenes[scene], 'noise=alls=3:allf=t', filter].join(',');
  const common = ['-hide_banner', '-loglevel', 'error'];
  const encoded = spawnSync(
    'ffmpeg',
    [
      ...common,
      '-i',
      footage,
      '-vf',
      chain,
      '-frames:v',
      String(count + 1),
      ...codings[coding].split(' '),
      '-pix_fmt',
      coding === 'mjpeg' ? 'yuvj420p' : 'yuv420p',
      '-f',
      'matroska',
      'pipe:1',
    ],
    { maxBuffer: 256e6 },
  );
  if (encoded.status !== 0) throw new Error(`${filter}: ${encoded.stderr}`);
  // The first picture of an encoder is coded unlike its others.
  const decoded = spawnSync(
    'ffmpeg',
    [
      ...common,
      '-f',
      'matroska',
      '-i',
      'pipe:0',
      '-vf',
      grayFilter(grayWidth, grayHeight),
      '-f',
      'rawvideo',
      'pipe:1',
    ],
    { input: encoded.stdout, maxBuffer: 256e6 },
  );
  if (decoded.status !== 0) throw new Error(`${filter}: ${decoded.stderr}`);
  const found = Array.from({ length: decoded.stdout.length / grayBytes }, (_, i) =>
    decoded.stdout.subarray(i * grayBytes, (i + 1) * grayBytes),
  );
  if (found.length <= count) throw new Error(`${filter}: ${found.length} pictures of ${count}`);
  return found.slice(1);
}

export interface CaseOutcome {
  /** What the judge said at each picture, before and from the change on. */
  before: string[];
  after: string[];
  /** A fault said by the third picture, and under its name; what is none, never called one. */
  right: boolean;
}

const picturesBefore = 10;
const picturesAfter = 8;

/** Shows a judge the pictures of one case in one scene, a minute apart. */
export function judgeCase(
  scene: string,
  { fault, before, after, count }: PictureCase,
  coding: Coding = 'usual',
): CaseOutcome {
  const all = [
    ...pictures(scene, before ?? 'null', picturesBefore, 0, coding),
    ...pictures(scene, after, count ?? picturesAfter, 5, coding),
  ];
  const judge = openPictureJudge({ ptz: false });
  const states = all.map(
    (gray, i) => judge.take({ gray, mark: i, repeated: false }, (i * 60_000) as MonotonicMs).state,
  );
  const [first, rest] = [states.slice(0, picturesBefore), states.slice(picturesBefore)];
  const harmless = (state: string): boolean => state === 'ok' || state === 'unknown';
  const right = fault === undefined ? rest.every(harmless) : rest[2] === fault;
  return { before: first, after: rest, right: right && first.every(harmless) };
}
