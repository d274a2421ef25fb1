import type { Lang } from '#agent/view/states.ts';
import type { Interval, Piece, Rows } from '#agent/view/strip.ts';
import type { Form } from '#agent/view/times.ts';
import type { AlarmView } from '../alarms/alarms.ts';
import type { CaseAnswer } from '../api/schema.ts';
import type { Settings } from '../settings.ts';
import type { NodeView } from './fleet-view.ts';
import type { LoginRole } from './logins.ts';

/** Who looks, in which language. Everybody of a kind sees the same. */
export interface Seer {
  role: LoginRole;
  lang: Lang;
  /** The one node that they look at; all of them when absent. */
  node?: string;
  /** Whether they may acknowledge: only who logged in. */
  acts: boolean;
}

/** A request and the cases that came of it. */
export interface RequestView {
  id: string;
  protocol: string;
  authority: string;
  purpose: string;
  rejected: boolean;
  cases: (Omit<CaseAnswer, 'envelope'> & { camera: string; from: number; to: number })[];
}

/** What is recorded of the cameras of one node, and why the rest is not. */
export type NodeRows = ReadonlyMap<string, Rows>;

/** What the page shows at one moment. */
export interface HubView {
  seer: Seer;
  form: Form;
  nowUtc: number;
  settings: Settings;
  brokerConnected: boolean;
  /** Everything that is not normal and that the seer may know of, and what of it stands and is not set aside. */
  alarms: AlarmView[];
  alerts: AlarmView[];
  nodes: NodeView[];
  window: Interval;
  /** By `<node>/<camera>`. */
  weeks: ReadonlyMap<string, readonly Piece[]>;
  /** What is kept beyond the seven days, by `<node>/<camera>`; empty for who may not know of any. */
  holds: ReadonlyMap<string, readonly Interval[]>;
  /** Newest first; undefined for who may not know of any. */
  requests: RequestView[] | undefined;
}
