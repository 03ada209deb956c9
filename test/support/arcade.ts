/**
 * A stand-in for Arcade: real HTTP servers on loopback that keep secrets, sign people in the way both eras
 * do, enforce OAuth's rules, and fail in every way that a test asks for.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { createAccounts, type User, type UserSpec } from './arcade/accounts.ts';
import { answer } from './arcade/answers.ts';
import { createIdentify } from './arcade/callers.ts';
import { createConsent } from './arcade/consent.ts';
import { createCoordinator } from './arcade/coordinator.ts';
import { createEngine } from './arcade/engine.ts';
import { createFaultPlan, type Fault, type FaultMatch } from './arcade/faults.ts';
import { startListener } from './arcade/listener.ts';
import { createOAuth } from './arcade/oauth.ts';
import { echoing, failure, type Reply } from './arcade/replies.ts';
import { begin, type ListenerName, type RecordedRequest, readBody } from './arcade/requests.ts';
import { type ArcadeSettings, DEFAULT_SETTINGS } from './arcade/settings.ts';
import { createTokens, type IssuedTokens, type TokenRequest, type TokenState } from './arcade/tokens.ts';
import { createVault, type Owner, type SecretSpec, type StoredSecret } from './arcade/vault.ts';

/** Everything has the value in `DEFAULT_SETTINGS` unless given. */
export interface ArcadeOptions extends Partial<ArcadeSettings> {
  /** A, B and C unless given. */
  readonly users?: readonly UserSpec[];
}

/** The running stand-in, and all that happened to it. */
export interface Arcade {
  /** One base URL for engine and coordinator at once, as in `ARCADE_URL`; the engine's own. */
  readonly url: string;
  readonly engine: { readonly url: string; readonly port: number };
  readonly coordinator: { readonly url: string; readonly port: number };
  /** May be changed at any time. */
  readonly settings: ArcadeSettings;
  /** The user of that name. Throws when there is none. */
  user(name: string): User;
  /** Every request in the order of arrival, whatever became of it. */
  readonly requests: readonly RecordedRequest[];
  /** Requests that came to us as to a proxy, on their way to another host. */
  strangers(): RecordedRequest[];
  /** Live, in the order in which the keys first came. A user stands for their default project. */
  secretsOf(owner: Owner): StoredSecret[];
  /** Puts a secret there before the test begins. */
  store(owner: Owner, secret: SecretSpec): StoredSecret;
  /** Plans a fault for the next matching request, or the next `times` (`Infinity`: until cleared). */
  fault(match: FaultMatch, fault: Fault, times?: number): void;
  clearFaults(): void;
  /** Signs a user in without the browser, for tests that write `credentials.yaml` themselves. */
  issueTokens(user: User, request?: TokenRequest): IssuedTokens;
  stateOf(token: string): TokenState;
  /** Ends every login of the user and every API key: 401 from now on. */
  revoke(user: User): void;
  /** 403 for whatever the user writes from now on. */
  forbidWriting(user: User): void;
  /** Stops listening and cuts every connection: the next one is refused. All state is kept. */
  down(): Promise<void>;
  /** Listens again, on the same ports. */
  up(): Promise<void>;
  close(): Promise<void>;
}

/** Starts the stand-in on two ports of 127.0.0.1, each of which serves every route. */
export async function startArcade(options: ArcadeOptions = {}): Promise<Arcade> {
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
    createEngine(settings, accounts, identify, vault),
    createCoordinator(settings, accounts, identify, consent),
    createOAuth(settings, tokens, consent, base),
    consent.route,
  ];

  async function serve(
    name: ListenerName,
    incoming: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const record = begin(name, incoming);
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

  const listen = (name: ListenerName) =>
    startListener(
      name,
      (incoming, response) => void serve(name, incoming, response),
      (record) => void requests.push(record),
    );
  const engine = await listen('engine');
  const coordinator = await listen('coordinator');
  const both = [engine, coordinator];
  const down = async (): Promise<void> => void (await Promise.all(both.map((each) => each.down())));
  return {
    url: engine.url,
    engine,
    coordinator,
    settings,
    user: accounts.user,
    requests,
    strangers: () => requests.filter(isStranger),
    secretsOf: vault.secretsOf,
    store: (owner, secret) => vault.store(owner, secret).secret,
    ...faults,
    issueTokens: (user, request) => tokens.issue(tokens.login(user), request),
    stateOf: tokens.stateOf,
    revoke(user) {
      tokens.revokeUser(user);
      accounts.revokeKeys(user);
    },
    forbidWriting: accounts.forbidWriting,
    down,
    up: async () => void (await Promise.all(both.map((each) => each.up()))),
    close: down,
  };
}
