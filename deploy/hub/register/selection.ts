import type { Purpose } from '#protocol/purpose.ts';
import type { RegisterLine } from './register.ts';
import { findRequest } from './requests.ts';

/** What a line is about, looked up in the lines it belongs to: only the first of a request says everything. */
export interface About {
  /** `node/camera` */
  cameras: string[];
  purpose?: Purpose | 'maintenance';
}

/** Throws nothing: a line about no request is about no camera. */
export function aboutOf(lines: readonly RegisterLine[], line: RegisterLine): About {
  const prepared = lines.find(({ kind, case: of }) => kind === 'prepared' && of === line.case);
  if (line.case !== undefined && prepared?.['camera'] !== undefined)
    return {
      cameras: [`${prepared['node']}/${prepared['camera']}`],
      purpose: prepared['purpose'] as Purpose | 'maintenance',
    };
  const request = line.request === undefined ? undefined : findRequest(lines, line.request);
  if (request === undefined) return { cameras: [] };
  const { windows, purpose } = request.record;
  return { cameras: [...new Set(windows.map(({ node, camera }) => `${node}/${camera}`))], purpose };
}

/** Absent: any. `camera` is `node/camera`, or a node for all of its cameras; times are of the act, half open. */
export interface Wanted {
  case?: string | undefined;
  request?: string | undefined;
  camera?: string | undefined;
  purpose?: string | undefined;
  from?: number | undefined;
  to?: number | undefined;
}

export interface SelectedLine {
  line: RegisterLine;
  about: About;
}

export function select(lines: readonly RegisterLine[], wanted: Wanted): SelectedLine[] {
  return lines
    .map((line) => ({ line, about: aboutOf(lines, line) }))
    .filter(({ line, about }) => {
      const at = Date.parse(line.at);
      return (
        (wanted.case ?? line.case) === line.case &&
        (wanted.request ?? line.request) === line.request &&
        (wanted.purpose ?? about.purpose) === about.purpose &&
        (wanted.camera === undefined ||
          about.cameras.some((one) => one === wanted.camera || one.startsWith(`${wanted.camera}/`))) &&
        at >= (wanted.from ?? Number.NEGATIVE_INFINITY) &&
        at < (wanted.to ?? Number.POSITIVE_INFINITY)
      );
    });
}
