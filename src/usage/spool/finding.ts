/** What is found of the spool, in words: by `usage doctor`, and by whatever meets an obstacle. */

export interface Finding {
  readonly code: string;
  /** 'info' is worth knowing and nothing wrong. */
  readonly severity: 'ok' | 'info' | 'warning' | 'error';
  readonly message: string;
  /** What to do; empty where all is well. */
  readonly advice: string;
}

const as =
  (severity: Finding['severity']) =>
  (code: string, message: string, advice: string): Finding => ({ code, severity, message, advice });

export const info = as('info');
export const warning = as('warning');
export const error = as('error');

/** A check that found nothing. */
export const passed = (code: string, message: string): Finding => as('ok')(code, message, '');
