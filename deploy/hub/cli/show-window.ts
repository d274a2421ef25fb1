import { stripCells, stripText } from '#agent/view/strip-text.ts';
import type { Prospect } from '../page/prospect.ts';
import { prospectWords } from '../page/prospect-words.ts';
import { cameraName } from '../settings.ts';
import type { Call } from './command.ts';

/**
 * Says, before anything is entered or signed, what a window holds: the camera's week with the window under it, what is
 * missing and why, how much would come and how long that takes. To standard error: it is not the answer.
 */
export async function showWindow(
  call: Call,
  window: { node: string; camera: string; from: string; to: string },
): Promise<void> {
  const [from, to] = [Date.parse(window.from), Date.parse(window.to)];
  // An empty or turned window is refused by whoever is asked next, with its own words.
  if (!(from < to)) return;
  const { node, camera } = window;
  const { prospect } = await call
    .client()
    .get('GET /window', { node, camera, from: String(from), to: String(to) });
  if (prospect === undefined) return;
  const { note } = call.terminal;
  const { summary, warnings, estimate } = prospectWords(prospect, call.settings());
  note(cameraName(call.settings(), node, camera));
  note(stripText(prospect.week, prospect.pieces, { colour: process.stderr.isTTY === true }));
  note(marked(prospect));
  note(summary);
  for (const warning of warnings) note(`  ▲ ${warning}`);
  if (estimate !== '') note(estimate);
}

/** The cells of the strip that the window touches. */
function marked({ week, from, to }: Prospect): string {
  const cellMs = (week.to - week.from) / stripCells;
  return Array.from({ length: stripCells }, (_, cell) => {
    const at = week.from + cell * cellMs;
    return from < at + cellMs && at < to ? '▔' : ' ';
  })
    .join('')
    .trimEnd();
}
