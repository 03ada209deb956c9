/** What can go wrong between a client and Arcade, and for which requests. */
import type { ListenerName, RecordedRequest } from './requests.ts';

/**
 * A fault decides how a request is answered. `delay`, `trickle`, `truncated`, `cut-off` and `lost-answer`
 * happen to the right answer, so that what was asked for is done; with the others it is not.
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
  /** The right answer, its body byte by byte. */
  | { readonly kind: 'trickle'; readonly everyMs: number }
  /** 200 and valid JSON of about that many bytes, without a length. */
  | { readonly kind: 'huge'; readonly bytes: number }
  /** 302, or the status given, to somewhere else. */
  | { readonly kind: 'redirect'; readonly location: string; readonly status?: number };

/** Which requests a fault is for; everything given must match. */
export type FaultMatch =
  | ((request: RecordedRequest) => boolean)
  | {
      /** Of the path as it arrived, without the query. */
      readonly path?: RegExp;
      readonly method?: string;
      readonly listener?: ListenerName;
    };

/** The faults to come. */
export interface FaultPlan {
  /**
   * Plans a fault for the next matching request, or the next `times` (`Infinity`: until cleared). Of several
   * that match, the one planned first is used up first.
   */
  fault(match: FaultMatch, fault: Fault, times?: number): void;
  clearFaults(): void;
  /** Takes the fault of this request. */
  faultFor(request: RecordedRequest): Fault | undefined;
}

/** A plan without faults. */
export function createFaultPlan(): FaultPlan {
  const planned: { match: FaultMatch; fault: Fault; left: number }[] = [];
  return {
    fault: (match, fault, times = 1) => void planned.push({ match, fault, left: times }),
    clearFaults() {
      planned.length = 0;
    },
    faultFor(request) {
      const found = planned.find(({ match, left }) => left > 0 && matches(match, request));
      if (found) found.left -= 1;
      return found?.fault;
    },
  };
}

function matches(match: FaultMatch, request: RecordedRequest): boolean {
  if (typeof match === 'function') return match(request);
  const { path, method = request.method, listener = request.listener } = match;
  return method === request.method && listener === request.listener && (path?.test(request.path) ?? true);
}
