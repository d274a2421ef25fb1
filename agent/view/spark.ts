import { type Html, html } from './html.ts';

/** A curve without axes, from nought to its highest; a sample that is missing breaks it. `label` says its range. */
export function spark(values: readonly (number | undefined)[], label: string): Html {
  const known = values.filter((value) => value !== undefined);
  if (known.length < 2) return html``;
  const top = Math.max(...known, Number.MIN_VALUE);
  const right = Math.max(1, values.length - 1);
  let path = '';
  let before = false;
  for (const [i, value] of values.entries()) {
    if (value !== undefined)
      path += `${before ? 'L' : 'M'}${((100 * i) / right).toFixed(1)},${(22 - (20 * value) / top).toFixed(1)}`;
    before = value !== undefined;
  }
  return html`<svg width="96" height="24" viewBox="0 0 100 24" preserveAspectRatio="none" role="img" aria-label="${label}"><path class="spark" d="${path}"/></svg>`;
}
