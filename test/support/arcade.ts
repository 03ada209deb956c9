/**
 * A stand-in for Arcade: real HTTP servers on loopback that keep secrets, sign people in the way both eras
 * do, enforce OAuth's rules, and fail in every way that a test asks for.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { createAccounts, type User, type UserSpec } from './arcade/accounts.ts';
import { answer } from './arcade/answers.ts';
import { createConsent } from './arcade/consent.ts';
import { createCoordinator } from './arcade/coordinator.ts';
import { createEngine } from './arcade/engine.ts';
import { createFaultPlan } from './arcade/faults.ts';
import { createOAuth } from './arcade/oauth.ts';
import { echoing, failure, type Reply } from './arcade/replies.ts';
import { begin, type RecordedRequest, readBody } from './arcade/requests.ts';
import { type ArcadeSettings, DEFAULT_SETTINGS } from './arcade/settings.ts';
import { createIdentify, createTokens, type TokenRequest } from './arcade/tokens.ts';
import { createVault, type Owner, type SecretSpec } from './arcade/vault.ts';
import { startListener } from './listener.ts';

/** Everything has the value in `DEFAULT_SETTINGS` unless given. */
export interface ArcadeOptions extends Partial<ArcadeSettings> {
  /** A, B and C unless given. */
  readonly users?: readonly UserSpec[];
}

/** The running stand-in, and all that happened to it. */
export type Arcade = Awaited<ReturnType<typeof startArcade>>;

/** Starts the stand-in on two ports of 127.0.0.1, each of which serves every route. */
export async function startArcade(options: ArcadeOptions = {}) {
  const { users, ...given } = options;
  const settings: ArcadeSettings = { ...DEFAULT_SETTINGS, ...given };
  const requests: RecordedRequest[] = [];
  const { faultFor, ...faults } = createFaultPlan();
  const accounts = createAccounts(users);
  const vault = createVault();
  const base = (): string => coordinator.url;
  const tokens = createTokens(settings, base);
  const identify = createIdentify(accounts, tokens);
  const consent = createConsent(accounts);
  const routes = [
    createEngine(settings, identify, vault),
    createCoordinator(settings, accounts, identify, consent),
    createOAuth(settings, tokens, consent, base),
    consent.route,
  ];

  async function serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const record = begin(incoming);
    requests.push(record);
    try {
      await readBody(incoming, record);
    } catch {
      record.status = 'aborted'; // the client left while it was still sending
      return;
    }
    record.fault = faultFor(record);
    if (settings.latencyMs > 0) await pause(settings.latencyMs, undefined, { ref: false });
    const dress = (reply: Reply): Reply => (settings.echoSecrets ? echoing(reply, record) : reply);
    await answer(response, record, () => route(record), dress);
  }

  function route(record: RecordedRequest): Reply {
    if (isStranger(record)) return failure(403, 'This is no proxy');
    for (const part of routes) {
      const reply = part(record);
      if (reply) return reply;
    }
    return failure(404);
  }

  function isStranger({ host }: RecordedRequest): boolean {
    const ours = [engine.port, coordinator.port].flatMap((port) => [
      `127.0.0.1:${port}`,
      `localhost:${port}`,
    ]);
    return !ours.includes(host.toLowerCase());
  }

  const listen = async () => {
    const listener = await startListener((incoming, response) => void serve(incoming, response));
    listener.server.on('connect', (incoming, socket) => {
      requests.push({ ...begin(incoming), status: 403 });
      socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n');
    });
    return listener;
  };
  const [engine, coordinator] = [await listen(), await listen()];
  const both = [engine, coordinator];
  const down = async (): Promise<void> => void (await Promise.all(both.map((each) => each.down())));
  return {
    /** One base URL for engine and coordinator at once, as in `ARCADE_URL`; the engine's own. */
    url: engine.url,
    engine,
    coordinator,
    /** May be changed at any time. */
    settings,
    user: accounts.user,
    /** Every request in the order of arrival, whatever became of it. */
    requests: requests as readonly RecordedRequest[],
    /** Requests that came to us as to a proxy, on their way to another host. */
    strangers: () => requests.filter(isStranger),
    secretsOf: vault.secretsOf,
    /** Puts a secret there before the test begins. */
    store: (owner: Owner, secret: SecretSpec) => vault.store(owner, secret).secret,
    ...faults,
    /** Signs a user in without the browser, for tests that write `credentials.yaml` themselves. */
    issueTokens: (user: User, request?: TokenRequest) => tokens.issue(tokens.login(user), request),
    stateOf: tokens.stateOf,
    /** Ends every login of the user and every API key: 401 from now on. */
    revoke(user: User): void {
      tokens.revokeUser(user);
      accounts.revokeKeys(user);
    },
    /** Cuts every connection: the next one is refused. All state is kept. */
    down,
    /** Listens again, on the same ports. */
    up: async () => void (await Promise.all(both.map((each) => each.up()))),
    close: down,
  };
}
