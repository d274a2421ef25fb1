import { instantText } from '#protocol/time.ts';

/** Where one of the walkers of test/fixtures/walkers.mp4 is: second of the clip, middle, head and feet in pixels. */
const path: readonly [second: number, middle: number, head: number, feet: number][] = [
  [21, 678, 295, 408],
  [21.5, 651, 298, 411],
  [22, 605, 295, 410],
  [22.5, 558, 285, 397],
  [23, 527, 272, 384],
  [24, 464, 251, 351],
  [25, 399, 230, 326],
  [26, 344, 213, 303],
  [27, 298, 195, 279],
];

/** Arms, and what the times of a node and of a film may differ by. */
const wide = 90;
const above = 12;

/** Where that walker is alone with the camera. */
export const walkerSeconds = { from: path[0]?.[0] ?? 0, to: path.at(-1)?.[0] ?? 0 };

/** masks.json that leaves this walker and nobody else; `beganAt` is when the clip began, UTC milliseconds. */
export function walkerMasks(beganAt: number): object {
  return {
    version: 1,
    picture: { width: 768, height: 576 },
    mode: 'except',
    style: 'solid',
    regions: [
      {
        name: 'richiedente',
        keys: path.map(([second, middle, head, feet]) => ({
          at: instantText(Math.round(beganAt + second * 1000)),
          x: middle - wide / 2,
          y: head - above,
          width: wide,
          height: feet - head + 2 * above,
        })),
      },
    ],
  };
}
