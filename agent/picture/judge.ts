import type { MonotonicMs } from '../platform/clock.ts';
import { beside, type Finding, isBlack, isBlinded, isSame, type Look, strength } from './look.ts';
import { measure, type View } from './measure.ts';
import { learn, newReference, type Reference } from './reference.ts';

export type { Finding } from './look.ts';

/** One keyframe, scaled and decoded. */
export interface PictureSample {
  gray: Uint8Array;
  /** The same for the same bytes of the stream. */
  mark: number;
  /** No other keyframe came since the sample before. */
  repeated: boolean;
}

/** What is believed after several pictures. */
export type Judgement =
  | { state: 'ok' }
  /** `view`: too little is to be seen, or too few pictures have been; `dark`: night fell, or something else by degrees. */
  | { state: 'unknown'; why: 'view' | 'dark' }
  | { state: 'black' | 'blinded' | 'frozen' }
  | { state: 'blurred'; reason: 'defocused' | 'covered' }
  | { state: 'moved'; reason: 'shifted' | 'elsewhere'; percent: number };

export interface PictureJudge {
  /** Takes a picture, about one a minute, and says what is believed then. */
  take(sample: PictureSample, now: MonotonicMs): Judgement;
}

/** Believed when this many pictures in a row say so; taken back after two that do not. */
const inARow = 3;
/** The third picture that is the same is the second that is like the one before. */
const frozenInARow = 2;
const inOrder = 2;
/** Pictures before anything is compared with them. */
const learning = 3;
const hour = 3_600_000;
/** The longest night of the valley has fifteen and a half: darkness by degrees beyond this is none. */
const darkLimitMs = 18 * hour;
/** A view that stays is meant. */
const movedLimitMs = 24 * hour;
/** References kept: by day, by night, and one of something that stayed for a while. */
const maxReferences = 3;
/** Outlines that fade by degrees lose an eighth from one picture to the next; those of a covered lens all. */
const suddenFactor = 3;
const followShare = 0.3;

/** Judges the pictures of one camera. What it remembers of them stays in memory. */
export function openPictureJudge(camera: { ptz: boolean }): PictureJudge {
  let references: Reference[] = [];
  let before: (PictureSample & { view: View }) | undefined;
  let usualStrength: number | undefined;
  /** Since when too little is to be seen, and whether it came at once. */
  let dark: { since: MonotonicMs; sudden: boolean } | undefined;
  let faults: Exclude<Look, { finding: 'none' | 'nothing-to-see' }>[] = [];
  let good = 0;
  let movedSince: MonotonicMs | undefined;
  let believed: Judgement = { state: 'unknown', why: 'view' };

  /** Black and blinded need no memory; whether darkness is a fault does. */
  const alone = (view: View, now: MonotonicMs): Look | undefined => {
    const blind = isBlinded(view);
    const black = isBlack(view);
    if (!black) dark = undefined;
    if (blind) return { finding: 'blinded' };
    if (black) {
      const sudden = usualStrength !== undefined && usualStrength > suddenFactor * strength(view);
      dark ??= { since: now, sudden };
      return dark.sudden || now - dark.since > darkLimitMs
        ? { finding: 'black' }
        : { finding: 'nothing-to-see' };
    }
    const now_ = strength(view);
    usualStrength = usualStrength === undefined ? now_ : usualStrength + (now_ - usualStrength) * followShare;
    return undefined;
  };
  const frozen = (sample: PictureSample, view: View): boolean => {
    if (sample.repeated) return true;
    // A film that repeats itself shows the same picture again, and others in between.
    return before !== undefined && before.mark !== sample.mark && isSame(before.view, view);
  };
  const lookAt = (sample: PictureSample, view: View, now: MonotonicMs): Look => {
    const found = alone(view, now);
    if (found !== undefined) return found;
    if (frozen(sample, view)) return { finding: 'frozen' };
    if (camera.ptz) return { finding: 'none', like: undefined, strange: false };
    const known = references.filter(({ pictures }) => pictures >= learning);
    return known.length === 0
      ? { finding: 'none', like: references[0], strange: references.length === 0 }
      : beside(known, view);
  };
  const remember = (look: Look & { finding: 'none' }, view: View): void => {
    if (camera.ptz) return;
    const { like } = look;
    if (like !== undefined) learn(like, view);
    if (!look.strange) return;
    const young = references.find((reference) => reference !== like && reference.pictures < learning);
    const added = young ?? newReference();
    learn(added, view);
    if (young === undefined) references = [added, ...references].slice(0, maxReferences);
  };

  return {
    take(sample, now) {
      const view = measure(sample.gray);
      const look = lookAt(sample, view, now);
      before = { ...sample, view };
      if (look.finding === 'nothing-to-see') {
        faults = [];
        good = 0;
        believed = { state: 'unknown', why: dark === undefined ? 'view' : 'dark' };
        return believed;
      }
      if (look.finding === 'none') {
        faults = [];
        good += 1;
        remember(look, view);
        if (good >= inOrder) {
          movedSince = undefined;
          const learnt = camera.ptz || references.some(({ pictures }) => pictures >= learning);
          believed = learnt ? { state: 'ok' } : { state: 'unknown', why: 'view' };
        }
        return believed;
      }
      good = 0;
      faults = [...faults, look].slice(-inARow);
      const still = faults.slice(-frozenInARow).filter(({ finding }) => finding === 'frozen');
      if (still.length === frozenInARow) believed = { state: 'frozen' };
      else if (faults.length === inARow) believed = judgementOf(faults);
      if (believed.state !== 'moved') movedSince = undefined;
      else movedSince ??= now;
      if (movedSince !== undefined && now - movedSince > movedLimitMs) {
        references = [];
        movedSince = undefined;
        faults = [];
      }
      return believed;
    },
  };
}

/** What most of them say; the newest where they differ. */
function judgementOf(faults: readonly Exclude<Look, { finding: 'none' | 'nothing-to-see' }>[]): Judgement {
  const count = (finding: Finding): number => faults.filter((fault) => fault.finding === finding).length;
  const chosen = [...faults].reverse().sort((a, b) => count(b.finding) - count(a.finding))[0]!;
  const { finding, ...more } = chosen;
  return { state: finding, ...more } as Judgement;
}
