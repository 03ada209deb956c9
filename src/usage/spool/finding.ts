/** What a check of `usage doctor` comes to. */

export interface Finding {
  readonly code: string;
  /** 'info' is worth knowing and nothing wrong. */
  readonly severity: 'ok' | 'info' | 'warning' | 'error';
  readonly message: string;
  /** What to do; empty where all is well. */
  readonly advice: string;
}

type Make = (code: string, message: string, advice: string) => Finding;
const of =
  (severity: Finding['severity']): Make =>
  (code, message, advice) => ({ code, severity, message, advice });

export const info = of('info');
export const warning = of('warning');
export const error = of('error');

/** A check that found nothing. */
export const passed = (code: string, message: string): Finding => of('ok')(code, message, '');
