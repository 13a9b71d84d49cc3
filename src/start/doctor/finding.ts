/** The outcome of a check. Only a `fault` makes the examination fail. */
export type FindingState = 'ok' | 'warning' | 'fault' | 'skipped';

/** What a check found, in words for an operator. It never contains a secret. */
export interface Finding {
  /** What was checked, such as `database settings`. */
  readonly check: string;
  readonly state: FindingState;
  readonly message: string;
  /** What to do about it. */
  readonly remedy?: string;
}

/** Receives findings as they occur, and the progress of the check that reads every row. */
export interface Examiner {
  readonly add: (finding: Finding) => void;
  readonly onProgress: (done: number, total: number) => void;
}

export function ok(check: string, message: string): Finding {
  return { check, state: 'ok', message };
}

export function fault(check: string, message: string, remedy?: string): Finding {
  return { check, state: 'fault', message, ...(remedy !== undefined && { remedy }) };
}

export function warning(check: string, message: string, remedy: string): Finding {
  return { check, state: 'warning', message, remedy };
}

export function skipped(check: string, message: string): Finding {
  return { check, state: 'skipped', message };
}
