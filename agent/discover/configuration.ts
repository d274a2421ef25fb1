import type { OnvifAnswer } from '../health/onvif-question.ts';
import type { Found } from './probe.ts';

/** One camera to record: a device, or a channel of a recorder. */
export interface Candidate extends Found {
  id: string;
  model?: string;
  /** Of its largest stream; without the device's own host, which may be another's. */
  rtsp?: string;
  width?: number;
  height?: number;
  encoding?: string;
  ptz: boolean;
  /** Whether it records by itself, as far as it tells. */
  records?: boolean;
  /** Why it said no more. */
  error?: 'away' | 'auth' | 'broken';
}

/** What was found, with what each said when it was asked: a recorder has a candidate for each of its channels. */
export function candidatesOf(
  answers: readonly { found: Found; answer: OnvifAnswer | undefined }[],
): Candidate[] {
  return answers
    .flatMap(({ found, answer }) => {
      const model =
        answer?.information && `${answer.information.manufacturer} ${answer.information.model}`.trim();
      const common = {
        ...found,
        ...(model ? { model } : {}),
        ...(answer?.records === undefined ? {} : { records: answer.records }),
        ...(answer?.error === undefined ? {} : { error: answer.error }),
      };
      const streams = largest(answer?.profiles ?? []);
      if (streams.length === 0) return [{ ...common, ptz: false }];
      return streams.map(({ uri, width, height, encoding, ptz }) => {
        const rtsp = uri === undefined ? undefined : onAddress(uri, found.address);
        return { ...common, ...(rtsp === undefined ? {} : { rtsp }), width, height, encoding, ptz };
      });
    })
    .map((one, index) => ({ id: `cam-${index + 1}`, ...one }));
}

type Profile = NonNullable<OnvifAnswer['profiles']>[number];

/** The largest stream of each video source. */
function largest(profiles: readonly Profile[]): Profile[] {
  const best = new Map<string, Profile>();
  for (const profile of profiles) {
    const before = best.get(profile.source);
    if (before === undefined || profile.width * profile.height > before.width * before.height)
      best.set(profile.source, profile);
  }
  return [...best.values()];
}

function onAddress(uri: string, address: string): string | undefined {
  const url = URL.canParse(uri) ? new URL(uri) : undefined;
  if (url === undefined || !/^rtsps?:$/.test(url.protocol)) return undefined;
  return `${url.protocol}//${address}${url.port ? `:${url.port}` : ''}${url.pathname}${url.search}`;
}

/** The part `cameras` of a configuration, ready to paste; what is not known stands as a question mark. */
export function configurationOf(candidates: readonly Candidate[]): string {
  const lines = candidates.map(({ id, name, model, rtsp, address, onvif, ptz }) => {
    // JSON's strings are YAML's: nothing that a camera calls itself can end one.
    const text = JSON.stringify;
    const fields = [
      `id: ${id}`,
      ...((name ?? model) ? [`name: ${text(name ?? model)}`] : []),
      `rtsp: ${text(rtsp ?? `rtsp://${address}/?`)}`,
      `onvif: ${text(onvif)}`,
      `credentials: ${id}`,
      ...(ptz ? ['ptz: true'] : []),
    ];
    return `  - { ${fields.join(', ')} }\n`;
  });
  return `cameras:\n${lines.join('')}`;
}
