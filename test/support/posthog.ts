/**
 * A stand-in for PostHog: a real HTTP server on loopback that accepts, refuses, stores, deduplicates and
 * joins persons by PostHog's rules, and fails in every way that a test asks for.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { OK, PORTAL_PAGE, PORTAL_PATH, type Reply, reply, reset, send } from './posthog/answers.ts';
import { createFaultPlan, type Fault, type FaultChoice, reachesPostHog } from './posthog/faults.ts';
import { accept } from './posthog/ingestion.ts';
import type { Reorder } from './posthog/order.ts';
import type { Person } from './posthog/persons.ts';
import { createProject, type StoredEvent } from './posthog/project.ts';
import { Refusal } from './posthog/refusal.ts';
import { begin, type RecordedRequest, readBody } from './posthog/requests.ts';

/** Everything has PostHog's own value unless given. */
export interface PostHogOptions {
  /** The server's clock, in milliseconds. */
  readonly now?: () => number;
  /** How long each answer takes, once the request has been read. */
  readonly latencyMs?: number | ((request: RecordedRequest) => number);
  /** Lets events of different distinct_ids overtake one another (see `shuffle`). */
  readonly reorder?: Reorder;
}

/** The running stand-in, and all that happened to it. */
export interface PostHog {
  /** No slash at its end. */
  readonly url: string;
  /** What makes `arcade` send its events here. */
  readonly env: { readonly ARCADE_POSTHOG_HOST: string; readonly ARCADE_POSTHOG_API_KEY: string };
  readonly port: number;
  /** Every request in the order of arrival, whatever became of it. */
  readonly requests: readonly RecordedRequest[];
  /** TCP connections accepted so far. */
  readonly connections: number;
  /** Queues a fault for the next POST, or the next `times` (`Infinity`: until cleared). */
  fault(next: Fault, times?: number): void;
  /** Lets `choose` pick a fault for each POST for which none is queued, until cleared. */
  faultWhen(choose: FaultChoice): void;
  clearFaults(): void;
  /** What a query finds, deduplicated, in the order of ingestion, each with its person as of now. */
  stored(): StoredEvent[];
  /** Copies that deduplication has removed. */
  duplicates(): number;
  /** The person of a distinct_id; `undefined` while it has none (personless events do not make one). */
  personOf(distinctId: string): string | undefined;
  persons(): Readonly<Person>[];
  /** Merges refused and events dropped after a 200: `<PostHog's name for it>: <what>`. */
  readonly warnings: readonly string[];
  /** Stops listening and cuts every connection: the next one is refused. What was stored is kept. */
  down(): Promise<void>;
  /** Listens again, on the same port. */
  up(): Promise<void>;
  close(): Promise<void>;
}

/** An answer, and what takes its effect when it is given. */
interface Outcome {
  readonly answer: Reply;
  readonly arrive?: () => void;
}

/** Starts the stand-in on 127.0.0.1. */
export async function startPostHog(options: PostHogOptions = {}): Promise<PostHog> {
  const { latencyMs = 0, now = Date.now, reorder = (events) => events } = options;
  const requests: RecordedRequest[] = [];
  const { queued, chosen, ...faults } = createFaultPlan();
  const { ingest, ...project } = createProject(reorder);
  let connections = 0;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const record = begin(request, now());
    requests.push(record);
    // Only a POST meets a fault; the page that a portal redirects to is not another one.
    if (record.method === 'POST') record.fault = queued();
    if (record.fault?.kind === 'reset' && record.fault.when === 'before-reading') {
      reset(response, record);
      return;
    }
    let flaw: Refusal | undefined;
    try {
      await readBody(request, record);
    } catch (error) {
      if (!(error instanceof Refusal)) {
        record.status = 'aborted';
        return;
      }
      flaw = error;
    }
    if (record.method === 'POST') record.fault ??= chosen(record);
    const { answer, arrive }: Outcome = flaw ? { answer: refused(flaw) } : route(record);
    const { fault } = record;
    const wait = typeof latencyMs === 'number' ? latencyMs : latencyMs(record);
    await pause(wait + (fault?.kind === 'delay' ? fault.ms : 0), undefined, { ref: false });
    arrive?.();
    send(response, record, answer);
  }

  function route(record: RecordedRequest): Outcome {
    if (record.path === PORTAL_PATH) return { answer: PORTAL_PAGE };
    if (record.kind === 'other') return { answer: reply(404, '') };
    if (record.method !== 'POST') return { answer: { status: 405, headers: { allow: 'POST' }, body: '' } };
    if (record.kind === 'v1' || !reachesPostHog(record.fault)) return { answer: OK };
    try {
      const events = accept(record.rawBody, now());
      return { answer: OK, arrive: () => ingest(events) };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return { answer: refused(error) };
    }
  }

  const server = createServer((request, response) => void serve(request, response));
  server.on('connection', () => {
    connections += 1;
  });

  async function listen(onPort: number): Promise<void> {
    server.listen(onPort, '127.0.0.1');
    await once(server, 'listening');
  }

  async function down(): Promise<void> {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }

  await listen(0);
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    env: { ARCADE_POSTHOG_HOST: url, ARCADE_POSTHOG_API_KEY: 'phc_test' },
    port,
    requests,
    get connections() {
      return connections;
    },
    ...faults,
    ...project,
    down,
    up: () => listen(port),
    close: down,
  };
}

function refused({ status, message }: Refusal): Reply {
  return reply(status, message);
}
