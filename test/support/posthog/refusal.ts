/** A request that PostHog does not accept: nothing of it is stored. */
export class Refusal extends Error {
  readonly status: 400 | 401 | 413;

  constructor(status: 400 | 401 | 413, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'Refusal';
    this.status = status;
  }
}
