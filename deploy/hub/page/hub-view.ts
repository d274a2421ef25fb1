import type { Lang } from '#agent/view/states.ts';
import type { Interval, Piece } from '#agent/view/strip.ts';
import type { Form } from '#agent/view/times.ts';
import type { CaseAnswer } from '../api/schema.ts';
import type { HubAlert } from '../fleet/alerts.ts';
import type { Settings } from '../settings.ts';
import type { NodeView } from './fleet-view.ts';
import type { LoginRole } from './logins.ts';

/** Who looks, in which language. Everybody of a kind sees the same. */
export interface Seer {
  role: LoginRole;
  lang: Lang;
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

/** What the page shows at one moment. */
export interface HubView {
  seer: Seer;
  form: Form;
  nowUtc: number;
  settings: Settings;
  brokerConnected: boolean;
  /** Those that the seer may know of. */
  alerts: HubAlert[];
  nodes: NodeView[];
  window: Interval;
  /** By `<node>/<camera>`. */
  weeks: ReadonlyMap<string, readonly Piece[]>;
  /** Newest first; undefined for who may not know of any. */
  requests: RequestView[] | undefined;
}
