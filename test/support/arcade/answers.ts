/** Answers on the wire: the right ones, and every wrong one that a fault asks for. */
import type { ServerResponse } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { failure, json, page, type Reply, redirect } from './replies.ts';
import type { RecordedRequest } from './requests.ts';

/**
 * Answers a request as its fault has it. `carryOut` does what was asked for and yields the right answer;
 * `dress` has the last word on errors. Neither is called once the client is gone.
 */
export async function answer(
  response: ServerResponse,
  record: RecordedRequest,
  carryOut: () => Reply,
  dress: (reply: Reply) => Reply,
): Promise<void> {
  const { fault } = record;
  if (fault?.kind === 'delay') await pause(fault.ms, undefined, { ref: false });
  if (response.destroyed) {
    record.status = 'aborted';
    return;
  }
  switch (fault?.kind) {
    case 'hang':
      record.status = 'hung';
      return;
    case 'lost-answer':
      carryOut();
      reset(response, record);
      return;
    case 'reset':
      reset(response, record);
      return;
    case 'status': {
      const reply = fault.body === undefined ? dress(failure(fault.status)) : given(fault.status, fault.body);
      write(response, record, { ...reply, headers: { ...reply.headers, ...fault.headers } });
      return;
    }
    case 'html':
      write(response, record, page(fault.status ?? 200, '<h1>Guest Wi-Fi</h1><form>Accept our terms</form>'));
      return;
    case 'wrong-json':
      write(response, record, given(200, fault.body ?? { unexpected: true }));
      return;
    case 'redirect':
      write(response, record, redirect(302, fault.location));
      return;
    case 'truncated': {
      const reply = dress(carryOut());
      write(response, record, { ...withBody(reply), body: half(reply).toString() });
      return;
    }
    case 'cut-off':
      cutOff(response, record, dress(carryOut()));
      return;
    default:
      write(response, record, dress(carryOut()));
  }
}

function write(response: ServerResponse, record: RecordedRequest, { status, headers, body }: Reply): void {
  record.status = status;
  // RFC 9110: a 204 has no length.
  const length = status === 204 ? {} : { 'content-length': Buffer.byteLength(body) };
  response.writeHead(status, { ...headers, ...length }).end(body);
}

/** Cuts the connection with a RST, as a failing middlebox does. */
function reset(response: ServerResponse, record: RecordedRequest): void {
  record.status = 'reset';
  response.socket?.resetAndDestroy();
}

function cutOff(response: ServerResponse, record: RecordedRequest, reply: Reply): void {
  const { status, headers } = withBody(reply);
  record.status = status;
  response.writeHead(status, { ...headers, 'content-length': half(reply).length * 2 });
  response.write(half(reply), () => response.socket?.destroy());
}

function given(status: number, body: unknown): Reply {
  const type = { 'content-type': 'text/plain; charset=utf-8' };
  return typeof body === 'string' ? { status, headers: type, body } : json(status, body);
}

/** A 204 has nothing to cut: it becomes a 200 whose JSON is cut. */
function withBody({ status, headers }: Reply): Pick<Reply, 'status' | 'headers'> {
  if (status !== 204) return { status, headers };
  return { status: 200, headers: { ...headers, 'content-type': 'application/json' } };
}

function half({ body }: Reply): Buffer {
  const bytes = Buffer.from(body || '{"deleted":true}');
  return bytes.subarray(0, bytes.length / 2);
}
