import { Failure } from '#protocol/failure.ts';
import type { Viewing } from '../viewing/clear.ts';
import type { MaskFile } from './masks.ts';

export async function drawMasks(given: {
  clear: Viewing;
  lang: 'it' | 'en';
  zone: string;
  file: string;
  begin: MaskFile | undefined;
  say(url: string): void;
}): Promise<MaskFile> {
  throw new Failure('usage', 'usage', `${given.file}: not here`);
}
