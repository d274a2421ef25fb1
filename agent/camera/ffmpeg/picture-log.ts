import type { MonotonicMs } from '#agent/platform/clock.ts';

/** What is known of one picture that was handed to ffmpeg. */
export interface Picture {
  /** The camera's RTP timestamp. */
  timestamp: number;
  /** Of its first packet. */
  arrivedAt: MonotonicMs;
  /** Packets lost in it, and in what came before it and was never given back. */
  lost: number;
  /** It is no continuation of the picture before. */
  interrupted: boolean;
}

/** Of the times that ffmpeg is told. */
export const tokenRate = 90_000;
/** Well above zero: ffmpeg makes decode times up that lie before the first picture. */
const firstToken = 60 * tokenRate;
/** The build of 2018 makes them up at the start, six or seven, or 25 of intra refresh, and none later. */
const maxAstray = 64;
/** Pictures on their way through ffmpeg: a minute at 60 a second, while it waits for a keyframe, and as many again. */
const maxPictures = 8192;

/**
 * ffmpeg is not told the camera's times, which may jump, repeat or go backwards and would be mended by it, but made-up
 * ones that only ever grow, at the pace of arrival. Each stands for a picture; what comes back with it is that picture.
 */
export class PictureLog {
  #tokens = new Float64Array(maxPictures);
  #timestamps = new Float64Array(maxPictures);
  #arrivals = new Float64Array(maxPictures);
  #lost = new Uint32Array(maxPictures);
  #interrupted = new Uint8Array(maxPictures);
  #first = 0;
  #count = 0;
  #newest = firstToken - 1;
  #began: number | undefined;
  /** Of pictures that left the log before they came back. */
  #lostBefore = 0;
  #interruptedBefore = false;
  /** The first of the log was taken, and stays as the place where the next is looked for. */
  #given = false;
  #astray = 0;
  /** The token taken last, where it was never given. */
  #madeUp = Number.NaN;
  #complete = false;
  #found: Picture = { timestamp: 0, arrivedAt: 0 as MonotonicMs, lost: 0, interrupted: false };

  /** A picture begins; gives the token of its packets. */
  begin(timestamp: number, arrivedAt: MonotonicMs, interrupted: boolean): number {
    this.#began ??= arrivedAt;
    const elapsed = firstToken + Math.round(((arrivedAt - this.#began) * tokenRate) / 1000);
    this.#newest = Math.max(this.#newest + 1, elapsed);
    if (this.#count === maxPictures) this.#forget();
    const at = (this.#first + this.#count) % maxPictures;
    this.#count += 1;
    this.#complete = false;
    this.#tokens[at] = this.#newest;
    this.#timestamps[at] = timestamp;
    this.#arrivals[at] = arrivedAt;
    this.#lost[at] = 0;
    this.#interrupted[at] = interrupted ? 1 : 0;
    return this.#newest;
  }

  /** Packets are missing in the picture begun last, or right before it. */
  lose(packets: number): void {
    if (this.#count === 0) this.#lostBefore += packets;
    else this.#lost[(this.#first + this.#count - 1) % maxPictures]! += packets;
  }

  /** The newest picture has its last packet. */
  complete(): void {
    this.#complete = true;
  }

  /** Whether the picture taken last is the newest, and lacks its end. */
  get takenIsCut(): boolean {
    return this.#given && this.#count === 1 && !this.#complete;
  }

  /**
   * The picture that `token` stands for; for a token that was never given, the one after the picture taken last, since
   * pictures come back in their order: ffmpeg loses the times of the first and makes some up. What lies before it is
   * forgotten. Made-up times count up by one and may pass over a token that stands for a picture far ahead: it is not
   * meant, and whoever skipped to it would never find back. Undefined when there is none, or none of the last {@link maxAstray} tokens was ever given. The object is
   * used again.
   */
  take(token: number): Picture | undefined {
    let skip = 0;
    while (skip < this.#count && this.#tokens[(this.#first + skip) % maxPictures]! < token) skip += 1;
    const known = skip < this.#count && this.#tokens[(this.#first + skip) % maxPictures] === token;
    const countsUp = this.#astray > 0 && token === this.#madeUp + 1;
    if (known && (skip <= 1 || !countsUp)) this.#astray = 0;
    else {
      skip = this.#given ? 1 : 0;
      this.#astray += 1;
      this.#madeUp = token;
    }
    if (this.#astray > maxAstray || this.#count === 0) return undefined;
    for (let left = Math.min(skip, this.#count - 1); left > 0; left--) this.#forget();
    this.#given = true;
    const at = this.#first;
    const found = this.#found;
    found.timestamp = this.#timestamps[at]!;
    found.arrivedAt = this.#arrivals[at] as MonotonicMs;
    found.lost = this.#lostBefore + this.#lost[at]!;
    found.interrupted = this.#interruptedBefore || this.#interrupted[at] === 1;
    this.#lost[at] = 0;
    this.#interrupted[at] = 0;
    this.#lostBefore = 0;
    this.#interruptedBefore = false;
    return found;
  }

  #forget(): void {
    this.#lostBefore += this.#lost[this.#first]!;
    if (this.#interrupted[this.#first] === 1) this.#interruptedBefore = true;
    this.#first = (this.#first + 1) % maxPictures;
    this.#count -= 1;
  }
}
