import { z } from 'zod';

/** Hour after which what came and went no longer counts towards flapping. */
export const flapWindowMs = 3_600_000;
/**
 * Raised this often within the hour a condition flaps: it stands until it was over for a while. Nodes see to that
 * themselves; one that does not is bounded here.
 */
const flapRaises = { hub: 4, node: 8 };
export const flapQuietMs = 15 * 60_000;

const person = z.string().max(100);

/**
 * One alarm, as kept. Every time is UTC milliseconds of the hub's steady clock (`steady.ts`), but `since`, which is
 * whoever said so's own.
 */
export const alarmSchema = z.strictObject({
  node: z.string().max(64),
  /** `<condition>` or `<condition>.<subject>`. */
  key: z.string().max(80),
  severity: z.enum(['info', 'warning', 'critical']),
  since: z.number(),
  detail: z.string().max(500),
  /** Who says so; nobody else clears it. */
  from: z.enum(['node', 'hub']),
  /** Its condition stands since, and until. */
  raisedAt: z.number(),
  clearedAt: z.number().optional(),
  /** People were told. */
  announcedAt: z.number().optional(),
  acknowledged: z.strictObject({ at: z.number(), by: person }).optional(),
  escalatedAt: z.number().optional(),
  shelved: z.strictObject({ at: z.number(), by: person, until: z.number() }).optional(),
  /** The id of what explains it, always something that nothing else explains. */
  explainedBy: z.string().max(160).optional(),
  /** What explained it is over since. */
  freedAt: z.number().optional(),
  outOfService: z.boolean().optional(),
  /** When it was raised within the last hour. */
  raises: z.array(z.number()).max(64),
  /** It flaps, and its condition is over since. */
  quietSince: z.number().optional(),
});
export type Alarm = Readonly<z.output<typeof alarmSchema>>;

/** The life of an alarm, by the terms of ANSI/ISA-18.2 (clause 10.3): normal is over and known to be. */
export const alarmStates = [
  'unacknowledged-active',
  'acknowledged-active',
  'return-to-normal-unacknowledged',
  'shelved',
  'suppressed-by-design',
  'out-of-service',
  'normal',
] as const;
export type AlarmState = (typeof alarmStates)[number];

/** `<node>/<key>` */
export function idOf({ node, key }: Pick<Alarm, 'node' | 'key'>): string {
  return `${node}/${key}`;
}

/** `camera-down` of `camera-down.cam-1`. */
export function conditionOf(key: string): string {
  const dot = key.indexOf('.');
  return dot === -1 ? key : key.slice(0, dot);
}

/** `cam-1` of `camera-down.cam-1`; undefined where there is only one. */
export function subjectOf(key: string): string | undefined {
  const dot = key.indexOf('.');
  return dot === -1 ? undefined : key.slice(dot + 1);
}

export function isActive({ clearedAt }: Pick<Alarm, 'clearedAt'>): boolean {
  return clearedAt === undefined;
}

export function stateOf(alarm: Alarm): AlarmState {
  const active = isActive(alarm);
  if (active && alarm.outOfService === true) return 'out-of-service';
  if (alarm.shelved !== undefined) return 'shelved';
  if (active && alarm.explainedBy !== undefined) return 'suppressed-by-design';
  if (active) return alarm.acknowledged ? 'acknowledged-active' : 'unacknowledged-active';
  return alarm.announcedAt === undefined || alarm.acknowledged ? 'normal' : 'return-to-normal-unacknowledged';
}

export function flaps(alarm: Alarm): boolean {
  return alarm.raises.length >= flapRaises[alarm.from];
}
