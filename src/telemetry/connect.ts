/** Joins what sending needs: where to, with which proxy, and who can tell whose credentials are in force. */
import { coordinatorUrl } from '../auth/connection.ts';
import { askPrincipal } from '../auth/coordinator.ts';
import { accountOf, accountOfKey, type Credentials, readCredentials } from '../auth/credentials.ts';
import { deliverTo } from '../infra/net/posthog.ts';
import { FLUSHER, type Settings } from '../settings.ts';
import type { Connections } from '../usage/drain/flusher.ts';
import type { Resolving, Whose } from '../usage/drain/resolve.ts';

/** Everything that a drain needs of the network, for as long as `leftMs` says. */
export async function connect(settings: Settings, leftMs: () => number): Promise<Connections> {
  const { host, apiKey } = settings.destination;
  if (apiKey === undefined) throw new Error('no destination is configured');
  return { deliver: deliverTo(host, apiKey), resolving: resolvingFor(settings, leftMs) };
}

function resolvingFor(settings: Settings, leftMs: () => number): Resolving {
  return {
    credentials: async () => {
      const credentials = await readCredentials(settings).catch(() => undefined);
      return {
        account: credentials === undefined ? undefined : accountOf(credentials),
        ask: () => ask(settings, credentials, Math.min(FLUSHER.whoamiMs, leftMs())),
      };
    },
    environment: settings.apiKey === undefined ? null : accountOfKey(settings.apiKey),
  };
}

async function ask(
  settings: Settings,
  credentials: Credentials | undefined,
  limitMs: number,
): Promise<Whose> {
  if (credentials === undefined || limitMs <= 0) return { kind: 'no answer' };
  try {
    return await askPrincipal(credentials, coordinatorUrl(settings, credentials), {
      limitMs,
      now: Date.now(),
    });
  } catch {
    return { kind: 'no answer' }; // An address that cannot be used answers nothing.
  }
}
