/** What a check comes to. */

export interface Finding {
  readonly code: string;
  /** 'info' is worth knowing and nothing wrong. */
  readonly severity: 'error' | 'warning' | 'info';
  readonly message: string;
  readonly advice: string;
}

export interface Passed {
  readonly code: string;
  readonly severity: 'ok';
  readonly message: string;
}

export type Checked = Finding | Passed;

/** A check that found nothing. */
export function passed(code: string, message: string): Passed {
  return { code, severity: 'ok', message };
}
