import { z } from 'zod';

/** What footage may be asked for: Art. 8 c. 1 a–e, and Art. 9 last paragraph. Closed. */
export const purposes = [
  'judicial-police',
  'defence',
  'public-safety',
  'records-access',
  'data-subject',
  'controller',
] as const;
export const purpose = z.enum(purposes);
export type Purpose = z.infer<typeof purpose>;
