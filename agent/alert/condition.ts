import type { Severity } from './board.ts';

/** What a condition is about. `store` and `node` are the one store and the one box: their subject is that word. */
export type SubjectKind = 'camera' | 'link' | 'probe' | 'store' | 'node';

/** A sentence for the maintainer in both languages; `{name}` stands for a value of the reading. */
export interface Words {
  it: string;
  en: string;
}

export interface Reason extends Words {
  /** Where it is not the condition's own. */
  severity?: Severity;
  raiseAfterMs?: number;
}

/** A condition as a row of a table: everything about it but how it is measured. */
export interface Condition {
  subject: SubjectKind;
  severity: Severity;
  /** What is measured, and at which value it counts as failing: for the documentation. */
  when: string;
  /** It must fail this long without an `ok` or `unknown` in between. */
  raiseAfterMs: number;
  /** It must be `ok` this long without anything else in between. */
  clearAfterMs: number;
  /** Not said while one of these is raised for the same subject, or for the store or the box as a whole. */
  explainedBy?: readonly string[];
  name: Words;
  reasons: Readonly<Record<string, Reason>>;
}
