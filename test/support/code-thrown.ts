import { codeOf } from '#protocol/failure.ts';

/** The code of what `work` throws or rejects with; undefined when it does neither. */
export async function codeThrown(work: () => unknown): Promise<string | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    return codeOf(error);
  }
}
