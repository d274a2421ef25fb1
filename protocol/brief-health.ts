import type { Health } from './messages.ts';

/**
 * A brief health message with what it left out, taken from the last whole one of its node. Without one it is whole as
 * it came. What a brief message says always counts; a camera or link that it does not name is gone.
 */
export function wholeHealth(last: Health | undefined, next: Health): Health {
  if (next.brief !== true || last === undefined) return next;
  const { brief: _, ...said } = next;
  return {
    ...said,
    host: { ...last.host, ...next.host },
    ...(next.cameras === undefined
      ? {}
      : { cameras: next.cameras.map((camera) => ({ ...factsOf(camera, last.cameras), ...camera })) }),
    links: next.links.map((link) => ({ ...factsOf(link, last.links), ...link })),
  };
}

/** What was told of the same subject in the same state; a reason and a newest segment are told every time. */
function factsOf<T extends { id: string; state: string; reason?: unknown; newestSegment?: unknown }>(
  subject: T,
  before: readonly T[] | undefined,
): Omit<T, 'reason' | 'newestSegment'> | undefined {
  const known = before?.find(({ id, state }) => id === subject.id && state === subject.state);
  if (known === undefined) return undefined;
  const { reason: _, newestSegment: __, ...facts } = known;
  return facts;
}
