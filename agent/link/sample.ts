/** What one probe of a link found. */
export type Sample = Answer | Lost | Unmeasured;

/** Milliseconds. */
export interface Answer {
  kind: 'answer';
  /** There and back, without the time the other end took. */
  roundTripMs: number;
  /** Each way, by two clocks: only differences mean something unless `synchronised`. */
  forthMs?: number;
  backMs?: number;
  synchronised?: boolean;
  radio?: Radio;
}

export interface Lost {
  kind: 'lost';
  reason: 'no-answer' | 'no-snmp' | 'refused' | 'unresolved';
}

/** What was asked is not to be had: says nothing of the link. */
export interface Unmeasured {
  kind: 'unmeasured';
  reason: 'auth' | 'no-object' | 'no-program' | 'broken';
}

/** What a radio bridge says of its link. */
export interface Radio {
  signalDbm?: number;
  noiseDbm?: number;
  capacityMbit?: number;
  uptimeSeconds?: number;
}

/** Asks the other end once; settles soon after `signal` aborts. Anything thrown is a bug. */
export interface Asker {
  ask(signal: AbortSignal): Promise<Sample>;
  close(): void;
}

/** An answer later than this counts as lost: a radio link of this town takes 2 to 30 ms. */
export const answerLimitMs = 2000;
