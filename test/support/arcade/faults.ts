/** What can go wrong between a client and Arcade, and for which requests. */
import type { RecordedRequest } from './requests.ts';

/**
 * A fault decides how a request is answered. `delay`, `truncated`, `cut-off` and `lost-answer` happen to the right answer, so that what was asked for is done; with the others it is not.
 */
export type Fault =
  /** Arcade's error of that status, or the body given (as JSON unless it is text). */
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly body?: unknown;
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** A page where JSON belongs, as from a captive portal; 200 unless told otherwise. */
  | { readonly kind: 'html'; readonly status?: number }
  /** 200 and JSON that is not the API's. */
  | { readonly kind: 'wrong-json'; readonly body?: unknown }
  /** Half of the right JSON, with a length that agrees. */
  | { readonly kind: 'truncated' }
  /** Half of the right answer, then the connection ends. */
  | { readonly kind: 'cut-off' }
  /** The connection is reset before anything is done. */
  | { readonly kind: 'reset' }
  /** The request is carried out, and the connection reset instead of an answer. */
  | { readonly kind: 'lost-answer' }
  /** The request is read and never answered. */
  | { readonly kind: 'hang' }
  /** The right answer, late. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** 302 to somewhere else. */
  | { readonly kind: 'redirect'; readonly location: string };

/** Which requests a fault is for; everything given must match. */
export interface FaultMatch {
  /** Of the path as it arrived, without the query. */
  readonly path?: RegExp;
  readonly method?: string;
}

/** A plan without faults. */
export function createFaultPlan() {
  const planned: { match: FaultMatch; fault: Fault; left: number }[] = [];
  return {
    /**
     * Plans a fault for the next matching request, or the next `times` (`Infinity`: until cleared). Of several
     * that match, the one planned first is used up first.
     */
    fault(match: FaultMatch, fault: Fault, times = 1): void {
      planned.push({ match, fault, left: times });
    },
    clearFaults(): void {
      planned.length = 0;
    },
    /** Takes the fault of this request. */
    faultFor({ path, method }: RecordedRequest): Fault | undefined {
      const found = planned.find(
        ({ match, left }) =>
          left > 0 && (match.method ?? method) === method && (match.path?.test(path) ?? true),
      );
      if (found) found.left -= 1;
      return found?.fault;
    },
  };
}
