/** What can go wrong between a client and PostHog, and when. */
import type { RecordedRequest } from './requests.ts';

/**
 * A fault decides how a request is answered. Where it leaves open whether the events were stored, `stores`
 * says so; otherwise the kinds that come from PostHog itself store, and those from in between do not.
 */
export type Fault = { readonly stores?: boolean } & (
  | {
      readonly kind: 'status';
      readonly status: number;
      /** The `Retry-After` header: seconds, or an HTTP date. */
      readonly retryAfter?: string;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
    }
  /** The request is read and never answered. */
  | { readonly kind: 'hang' }
  /** The answer comes byte by byte, from its first or from its body on; every second unless told otherwise. */
  | { readonly kind: 'slow-headers' | 'trickle'; readonly everyMs?: number }
  /** The connection is reset before the body is read, or after. */
  | { readonly kind: 'reset'; readonly when: 'before-reading' | 'after-reading' }
  /** Stored, and reset instead of answered. */
  | { readonly kind: 'lost-ack' }
  /** A captive portal: 200 and a page; 302 to a page; 200 and JSON of its own. */
  | { readonly kind: 'portal-page' | 'portal-redirect' | 'portal-json' }
  /** 200 and half of the right answer, then the connection ends. */
  | { readonly kind: 'truncated' }
  /** 200 and JSON that is not PostHog's (anymore). */
  | { readonly kind: 'wrong-json'; readonly body?: string }
  /** 200 and no body. */
  | { readonly kind: 'empty-200' }
  /** The right answer, late. */
  | { readonly kind: 'delay'; readonly ms: number }
);

/** Chooses a fault for a request whose body has been read. */
export type FaultChoice = (request: RecordedRequest) => Fault | undefined;

/** A plan without faults. */
export function createFaultPlan() {
  const queue: { fault: Fault; left: number }[] = [];
  let choice: FaultChoice = () => undefined;
  return {
    /** Queues a fault for the next request, or the next `times`. */
    fault(fault: Fault, times = 1): void {
      queue.push({ fault, left: times });
    },
    /** Asks `choose` about every request for which nothing is queued. */
    faultWhen(choose: FaultChoice): void {
      choice = choose;
    },
    clearFaults(): void {
      queue.length = 0;
      choice = () => undefined;
    },
    /** Takes the next queued fault. */
    queued(): Fault | undefined {
      const [head] = queue;
      if (head === undefined) return undefined;
      head.left -= 1;
      if (head.left <= 0) queue.shift();
      return head.fault;
    },
    chosen: (request: RecordedRequest) => choice(request),
  };
}

const STORING: readonly Fault['kind'][] = ['slow-headers', 'trickle', 'lost-ack', 'truncated', 'delay'];

/** Whether the batch is judged and stored in spite of the fault. */
export function reachesPostHog(fault: Fault | undefined): boolean {
  return fault === undefined || (fault.stores ?? STORING.includes(fault.kind));
}
