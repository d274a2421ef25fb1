import { Failure } from '#protocol/failure.ts';
import type { Call } from './command.ts';
import { parseTime } from './times.ts';

/** `--review DATE`: the beginning of that day here; empty when it was not given. Throws `usage` `time`. */
export function reviewDay(call: Call): { review?: number } {
  const day = call.option('review');
  if (day === undefined) return {};
  if (!/^\d{4}-\d{2}-\d{2}$/.test(day))
    throw new Failure('usage', 'time', `--review "${day}" is no day: write YYYY-MM-DD`);
  return { review: parseTime('review', `${day} 00:00`, call.settings().zone) };
}
