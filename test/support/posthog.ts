/**
 * A stand-in for PostHog: a real HTTP server on loopback that accepts, refuses, stores, deduplicates and
 * joins persons by PostHog's rules, and fails in every way that a test asks for.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { startListener } from './listener.ts';
import { OK, PORTAL_PAGE, PORTAL_PATH, type Reply, reply, reset, send } from './posthog/answers.ts';
import { createFaultPlan, reachesPostHog } from './posthog/faults.ts';
import { accept } from './posthog/ingestion.ts';
import type { Reorder } from './posthog/project.ts';
import { createProject } from './posthog/project.ts';
import { begin, type RecordedRequest, Refusal, readBody } from './posthog/requests.ts';

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
export type PostHog = Awaited<ReturnType<typeof startPostHog>>;

/** An answer, and what takes its effect when it is given. */
interface Outcome {
  readonly answer: Reply;
  readonly arrive?: () => void;
}

/** Starts the stand-in on 127.0.0.1. */
export async function startPostHog(options: PostHogOptions = {}) {
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

  const { server, ...listener } = await startListener((request, response) => void serve(request, response));
  server.on('connection', () => {
    connections += 1;
  });
  return {
    ...listener,
    close: listener.down,
    /** What makes `arcade` send its events here. */
    env: { ARCADE_POSTHOG_HOST: listener.url, ARCADE_POSTHOG_API_KEY: 'phc_test' },
    /** Every request in the order of arrival, whatever became of it. */
    requests: requests as readonly RecordedRequest[],
    /** TCP connections accepted so far. */
    get connections() {
      return connections;
    },
    ...faults,
    ...project,
  };
}

function refused({ status, message }: Refusal): Reply {
  return reply(status, message);
}
