/** Joins what sending needs: where to, with which proxy, and who can tell whose credentials are in force. */
import { coordinatorUrl } from '../auth/connection.ts';
import { askPrincipal } from '../auth/coordinator.ts';
import { accountOf, accountOfKey, type Credentials, readCredentials } from '../auth/credentials.ts';
import { deliverTo } from '../infra/net/posthog.ts';
import { FLUSHER, type Settings } from '../settings.ts';
import type { Connections } from '../usage/drain/flusher.ts';
import type { Whose } from '../usage/drain/resolve.ts';

/** Everything that a drain needs of the network, for as long as `leftMs` says. Only where there is a project key. */
export function connect(settings: Settings, leftMs: () => number): Connections {
  const { destination, apiKey } = settings;
  return {
    deliver: deliverTo(destination.host, destination.apiKey ?? ''),
    environment: apiKey === undefined ? null : accountOfKey(apiKey),
    async credentials() {
      const credentials = await readCredentials(settings).catch(() => undefined);
      return {
        account: credentials && accountOf(credentials),
        ask: () => ask(settings, credentials, Math.min(FLUSHER.whoamiMs, leftMs())),
      };
    },
  };
}

async function ask(
  settings: Settings,
  credentials: Credentials | undefined,
  limitMs: number,
): Promise<Whose> {
  if (credentials === undefined || limitMs <= 0) return { kind: 'no answer' };
  try {
    const coordinator = coordinatorUrl(settings, credentials);
    return await askPrincipal(credentials, coordinator, { limitMs, now: Date.now() });
  } catch {
    return { kind: 'no answer' }; // An address that cannot be used answers nothing.
  }
}
