/** A login through the browser, of either era, while it waits and when it is back. */
import type { Tokens } from './oauth.ts';

/** What the browser brought back. */
export type Proof =
  | { readonly kind: 'tokens'; readonly tokens: Tokens }
  | {
      readonly kind: 'api_key';
      readonly apiKey: string;
      readonly email: string | null;
      readonly warning: string | null;
    };

/** A login that waits for the person in their browser. */
export interface Attempt {
  readonly url: string;
  readonly state: string;
  /** Throws UserError. */
  readonly redeem: (callback: URLSearchParams) => Promise<Proof>;
}
