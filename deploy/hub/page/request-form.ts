import { Failure } from '#protocol/failure.ts';
import { cameraId, nodeId } from '#protocol/ids.ts';
import { instantText } from '#protocol/time.ts';
import { parseTime } from '../cli/times.ts';
import { type RequestRecord, requestRecord } from '../register/requests.ts';

/** The regulation's fields as they were typed; what is not there yet is empty. */
export interface RequestForm {
  /** `<node>/<camera>`, as often as somebody chose one. */
  cameras: string[];
  /** `2026-11-22T14:30`, by the clock of the place. */
  from: string;
  to: string;
  protocol: string;
  date: string;
  authority: string;
  /** A line each: `name, qualification`. */
  persons: string;
  purpose: string;
  reason: string;
}

/** As many as a request of the register has. */
const mostCameras = 64;

const fields = ['from', 'to', 'protocol', 'date', 'authority', 'persons', 'purpose', 'reason'] as const;

export function readForm(given: URLSearchParams): RequestForm {
  const text = (name: (typeof fields)[number]): string => (given.get(name) ?? '').trim();
  const cameras = given.getAll('camera').slice(0, mostCameras).filter(isCamera);
  return {
    cameras,
    ...(Object.fromEntries(fields.map((name) => [name, text(name)])) as Omit<RequestForm, 'cameras'>),
  };
}

function isCamera(text: string): boolean {
  const [node, camera, ...rest] = text.split('/');
  return rest.length === 0 && nodeId.safeParse(node).success && cameraId.safeParse(camera).success;
}

/** What is chosen of the cameras' time; undefined while an end is missing, no time, or before the other. */
export function windowOf({ from, to }: RequestForm, zone: string): { from: number; to: number } | undefined {
  try {
    const window = { from: parseTime('from', from, zone), to: parseTime('to', to, zone) };
    return window.from < window.to ? window : undefined;
  } catch (error) {
    if (error instanceof Failure && error.code === 'time') return undefined;
    throw error;
  }
}

/** The request for the register, or which fields are not as they should be. */
export function recordOf(
  form: RequestForm,
  zone: string,
): { record: RequestRecord } | { wrong: (keyof RequestForm)[] } {
  const window = windowOf(form, zone);
  const { cameras, from: _, to: __, persons, ...rest } = form;
  const parsed = requestRecord.safeParse({
    ...rest,
    persons: persons
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line) => {
        const cut = line.indexOf(',');
        return { name: line.slice(0, Math.max(0, cut)).trim(), qualification: line.slice(cut + 1).trim() };
      }),
    windows: cameras.map((camera) => ({
      node: camera.slice(0, camera.indexOf('/')),
      camera: camera.slice(camera.indexOf('/') + 1),
      from: instantText(window?.from ?? 1),
      to: instantText(window?.to ?? 2),
    })),
  });
  const problems = new Set<keyof RequestForm>(
    parsed.success
      ? []
      : parsed.error.issues.map(({ path }) =>
          path[0] === 'windows' ? 'cameras' : (path[0] as keyof RequestForm),
        ),
  );
  if (window === undefined) for (const end of ['from', 'to'] as const) problems.add(end);
  return parsed.success && problems.size === 0 ? { record: parsed.data } : { wrong: [...problems] };
}
