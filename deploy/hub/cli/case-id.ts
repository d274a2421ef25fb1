import { Failure } from '#protocol/failure.ts';
import { uuidV7 } from '#protocol/ids.ts';
import type { Call } from './command.ts';

/** What an ID on the command line may also be. */
export const latestNote = '"latest" stands for the newest one.';

/** The id of the case that the first argument names. Throws `usage`. */
export async function caseId(call: Call): Promise<string> {
  const given = call.positionals[0] as string;
  if (given === 'latest') return (await call.client().get('GET /case', { id: given })).id;
  if (uuidV7.safeParse(given).success) return given;
  throw new Failure('usage', 'usage', `"${given}" is no id of a case`);
}
