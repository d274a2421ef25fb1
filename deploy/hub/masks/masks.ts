import { z } from 'zod';
import { parseJson, sha256 } from '#protocol/envelope.ts';
import { Failure } from '#protocol/failure.ts';
import { instant } from '#protocol/time.ts';

/** A document of regions by hand or from the page: 64 regions that follow somebody for an hour, key by key. */
export const maxMasksBytes = 2 * 1024 * 1024;

const pixels = z.number().min(-100_000).max(100_000);
const length = z.number().min(2).max(100_000);
const key = z.strictObject({ at: instant, x: pixels, y: pixels, width: length, height: length });

const region = z
  .strictObject({
    name: z.string().max(80).optional(),
    /** When it begins and ends, both included; its first and its last key unless said. */
    from: instant.optional(),
    to: instant.optional(),
    /** Where it is at an instant: linear in between, resting before the first and after the last. */
    keys: z.array(key).min(1).max(2000),
  })
  .check((context) => {
    const { keys, from, to } = context.value;
    const wrong = (path: (string | number)[], message: string): void =>
      void context.issues.push({ code: 'custom', path, message, input: context.value });
    for (const [index, { at }] of keys.entries())
      if (index > 0 && at <= (keys[index - 1] as Key).at)
        wrong(['keys', index, 'at'], 'not after the key before it');
    const [begins, ends] = [from ?? (keys[0] as Key).at, to ?? (keys.at(-1) as Key).at];
    if (ends <= begins) wrong(['to'], 'lasts no time: give another key, or from and to');
  });

const schema = z.strictObject({
  version: z.literal(1),
  /** The picture that x, y, width and height were measured on, in pixels, y downwards; other sizes are scaled. */
  picture: z.strictObject({ width: z.int().min(16).max(16_384), height: z.int().min(16).max(16_384) }),
  /** `except`: everything is masked but the regions. `at`: the regions are masked. No region, all is masked, in both. */
  mode: z.enum(['except', 'at']),
  style: z.enum(['solid', 'mosaic']).default('solid'),
  regions: z.array(region).min(1).max(64),
});

type Key = z.output<typeof key>;
type Region = z.output<typeof region>;
/** masks.json. Instants are UTC milliseconds. */
export type Masks = z.output<typeof schema>;

/** A document with the hash of its bytes. */
export interface MaskFile {
  masks: Masks;
  bytes: Buffer;
  sha256: string;
}

/** Throws `config` `masks-malformed`, with every problem and its place in the file. */
export function parseMasks(bytes: Buffer, name = 'masks.json'): MaskFile {
  const fail = (why: string): never => {
    throw new Failure('config', 'masks-malformed', `${name}: ${why}`);
  };
  if (bytes.length > maxMasksBytes) fail(`larger than ${maxMasksBytes} bytes`);
  const parsed = schema.safeParse(parseJson(bytes));
  if (parsed.success) return { masks: parsed.data, bytes, sha256: sha256(bytes) };
  const problems = parsed.error.issues.map(({ path, message }) => `${placeOf(path)}: ${message}`);
  return fail(`${problems.slice(0, 20).join('; ')}${problems.length > 20 ? '; and more' : ''}`);
}

/** `regions[0].keys[2].x` */
function placeOf(path: readonly PropertyKey[]): string {
  const text = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
  return text.replace(/^\./, '') || 'the document';
}

/** In pixels of the picture that is painted: even numbers, inside it; `right` and `bottom` are the first ones outside. */
export interface Rectangle {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/**
 * The rectangles of an instant in a picture of that size. Colour has half the resolution, so that edges are even: what
 * is left to be seen shrinks to them, what is masked grows.
 */
export function rectanglesAt(
  { regions, picture, mode }: Masks,
  utcMs: number,
  size: { width: number; height: number },
): Rectangle[] {
  const [low, high] = mode === 'except' ? [Math.ceil, Math.floor] : [Math.floor, Math.ceil];
  const within = (pixel: number, most: number): number => Math.min(most, Math.max(0, pixel));
  const across = size.width / picture.width;
  const down = size.height / picture.height;
  const found: Rectangle[] = [];
  for (const region of regions) {
    const place = placeAt(region, utcMs);
    if (place === undefined) continue;
    const rectangle = {
      left: within(low((place.x * across) / 2) * 2, size.width),
      top: within(low((place.y * down) / 2) * 2, size.height),
      right: within(high(((place.x + place.width) * across) / 2) * 2, size.width),
      bottom: within(high(((place.y + place.height) * down) / 2) * 2, size.height),
    };
    if (rectangle.right > rectangle.left && rectangle.bottom > rectangle.top) found.push(rectangle);
  }
  return found;
}

function placeAt({ keys, from, to }: Region, utcMs: number): Omit<Key, 'at'> | undefined {
  const first = keys[0] as Key;
  const last = keys.at(-1) as Key;
  if (utcMs < (from ?? first.at) || utcMs > (to ?? last.at)) return undefined;
  const after = keys.find(({ at }) => at >= utcMs);
  if (after === undefined) return last;
  const before = keys[keys.indexOf(after) - 1];
  if (before === undefined) return first;
  const part = (utcMs - before.at) / (after.at - before.at);
  const between = (name: 'x' | 'y' | 'width' | 'height'): number =>
    before[name] + (after[name] - before[name]) * part;
  return { x: between('x'), y: between('y'), width: between('width'), height: between('height') };
}

/** The earliest and the latest instant of any region. */
export function spanOf({ regions }: Masks): { from: number; to: number } {
  const starts = regions.map(({ from, keys }) => from ?? (keys[0] as Key).at);
  const ends = regions.map(({ to, keys }) => to ?? (keys.at(-1) as Key).at);
  return { from: Math.min(...starts), to: Math.max(...ends) };
}
