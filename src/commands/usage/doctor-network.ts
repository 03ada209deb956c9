/** Checks of the way to the destination, by going it. */
import type { Probe } from '../../infra/net/probe.ts';
import { UnusableProxy } from '../../infra/net/proxy.ts';
import { FLUSHER, PROBE, type Settings } from '../../settings.ts';
import { error, type Finding, passed, warning } from '../../usage/spool/finding.ts';
import { proxyOf } from './doctor-settings.ts';
import { inWords } from './words.ts';

/** Tries the destination as a flusher would, by starting one for nothing else. Sends no event. */
export async function checkNetwork(settings: Settings): Promise<Finding[]> {
  const { program, destination } = settings;
  // No request of it is for an account.
  const { ARCADE_API_KEY: _, ...environment } = settings.flusherEnvironment;
  if (!URL.canParse(destination.host) || proxyOf(settings) instanceof UnusableProxy) return [];
  const { runAttached } = await import('../../infra/os/detached.ts');
  const started = await runAttached(
    { program, script: program.flusher, environment },
    [PROBE],
    FLUSHER.budgetMs,
  );
  if ('failure' in started) {
    return [
      error(
        'flusher-start',
        `A flusher cannot be started: ${started.failure}`,
        'Until it can, `arcade usage flush` sends the events.',
      ),
    ];
  }
  const probed = JSON.parse(started.output) as Probe | null;
  if (probed === null) return [];
  return [
    passed('flusher-start', 'A flusher can be started.'),
    ...probed.steps.map(stepFinding),
    ...(probed.answer === null ? [] : [judged(probed.answer, destination.apiKey !== undefined)]),
    ...skew(probed),
  ];
}

const STEP_ADVICE = {
  DNS: 'Check the network and its name server; offline, events wait and are sent later.',
  TCP: 'A firewall may be blocking it; if you use a proxy, set HTTPS_PROXY. Events wait meanwhile.',
  TLS: 'If your network inspects TLS, name its certificate in NODE_EXTRA_CA_CERTS.',
  HTTP: 'The request is being cut off; try another network. Events wait meanwhile.',
} as const;

function stepFinding({ name, ok, what, result, durationMs }: Probe['steps'][number]): Finding {
  const code = `network-${name.toLowerCase()}`;
  if (ok) return passed(code, `${name} ${what}: ${result}, after ${durationMs} ms.`);
  return error(code, `${name} ${what}: ${result}.`, STEP_ADVICE[name]);
}

function judged({ kind, status }: NonNullable<Probe['answer']>, keyed: boolean): Finding {
  const code = 'network-answer';
  if (kind === 'accepted' || kind === 'invalid' || kind === 'too-large')
    return passed(code, 'PostHog is reachable and accepts events.');
  if (kind === 'unauthorized') {
    if (!keyed) return passed(code, 'PostHog is reachable; this build has no project key.');
    const message = `PostHog does not accept the project key (status ${status}).`;
    return error(code, message, 'Check ARCADE_POSTHOG_API_KEY: a project key begins with phc_.');
  }
  if (kind === 'throttled') {
    const message = `PostHog cannot accept events right now (status ${status}).`;
    return warning(code, message, 'Nothing to do: events stay pending and are sent later.');
  }
  return error(
    code,
    `Something else answers in PostHog's place (status ${status}).`,
    'On a guest network, open a web page and sign in first; else check ARCADE_POSTHOG_HOST and the proxy.',
  );
}

const SKEW_MS = 5 * 60_000;

function skew({ clockAheadMs }: Probe): Finding[] {
  if (clockAheadMs === null) return [];
  const apart = Math.abs(clockAheadMs);
  if (apart <= SKEW_MS) return [passed('network-clock', "The clock agrees with the server's.")];
  return [
    warning(
      'network-clock',
      `This clock is ${inWords(apart)} ${clockAheadMs > 0 ? 'ahead of' : 'behind'} the server's.`,
      'Set it, or let the network set it; events carry its time.',
    ),
  ];
}
