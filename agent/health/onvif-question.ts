import { z } from 'zod';

/** What the child that speaks ONVIF is asked. Holds a password: travels by pipe only. */
export const onvifQuestion = z.strictObject({
  url: z.url(),
  user: z.string().optional(),
  password: z.string().optional(),
  ptz: z.boolean(),
  /** Of the whole conversation; what is known by then is answered. */
  limitMs: z.number(),
});
export type OnvifQuestion = z.output<typeof onvifQuestion>;

const text = z.string().max(500);

/** What it found; a device that ends the conversation half-way leaves `error` beside what it said before. */
export const onvifAnswer = z.strictObject({
  error: z.enum(['away', 'auth', 'broken']).optional(),
  information: z.strictObject({ manufacturer: text, model: text, firmware: text, serial: text }).optional(),
  /** How far the device's clock is ahead of the box's, within half a second. */
  clockOffsetMs: z.number().optional(),
  profiles: z
    .array(
      z.strictObject({
        token: text,
        source: text,
        encoding: text,
        width: z.number(),
        height: z.number(),
        ptz: z.boolean(),
        uri: text.optional(),
      }),
    )
    .max(64)
    .optional(),
  /** Address of the event service, as it states it; absent where there is none. */
  events: text.optional(),
  position: z.strictObject({ pan: z.number(), tilt: z.number(), zoom: z.number().optional() }).optional(),
  /** Name of the preset at which it stands; absent where it stands at none. */
  preset: text.optional(),
  /** Absent where the device has no service that could tell. */
  records: z.boolean().optional(),
});
export type OnvifAnswer = z.output<typeof onvifAnswer>;
