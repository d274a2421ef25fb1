import { z } from 'zod';
import { Failure } from '#protocol/failure.ts';
import { askChild } from './child.ts';

const entry = new URL('./hardware-child.ts', import.meta.url);
/** The library starts a dozen programs, one after the other. */
const limitMs = 30_000;
const maxChars = 120;
const answer = z.strictObject({ maker: z.string(), model: z.string(), processor: z.string() });

/** `Intel NUC11ATKC4, Celeron N5105`: what the box is, for the maintainer; undefined where nothing says. */
export async function readHardware(signal: AbortSignal): Promise<string | undefined> {
  try {
    const found = answer.safeParse(await askChild(entry, null, { timeoutMs: limitMs, signal })).data;
    if (found === undefined) return undefined;
    const words = [`${found.maker} ${found.model}`, found.processor].map((text) =>
      text.replaceAll(/\s+/g, ' ').trim(),
    );
    return words.filter(Boolean).join(', ').slice(0, maxChars) || undefined;
  } catch (error) {
    if (error instanceof Failure) return undefined;
    throw error;
  }
}
