/** The room's entry: what the other rooms use of sealing. */
export { headerLength, maxHeaderBytes, sealedChunkBytes, wholeChunksLength } from './format.ts';
export { type OpenedSeal, type OpeningKeys, openSealed, type SealedEnd } from './opener.ts';
export { type PreparedSeal, prepareSeal } from './prepare.ts';
export { parseRecipients, type Recipients } from './recipients.ts';
export { openSealer, type Sealer } from './sealer.ts';
