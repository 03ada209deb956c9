/** Whether events are recorded and sent, and why not. */
import type { Settings } from '../../settings.ts';
import { recordingObstacle } from '../../usage/inspect/obstacles.ts';
import { readSnapshot, type StoreState } from '../../usage/inspect/snapshot.ts';
import { deliveryOf, leftByDisable, readStatus, type Status } from '../../usage/inspect/status.ts';
import { isOptedOut } from '../../usage/spool/place.ts';
import type { Spool } from '../../usage/spool/spool.ts';

export interface Overview {
  readonly store: StoreState;
  /** Undefined: there is none, or none that can be read. */
  readonly status: Status | undefined;
  /** Whether the person allows recording, and which setting says so. */
  readonly consent: { readonly enabled: boolean; readonly decided_by: string };
  /** Whether the next command would be recorded, and what keeps it from that where no one has switched it off. */
  readonly recording: { readonly on: boolean; readonly obstacle: string | null };
  /** Why nothing is being sent just now, or that all is well, in a sentence or two: the first reason that applies. */
  readonly why: string;
}

/** The overview of the spool as it is now, and what `look` sees in the same copy. */
export async function readOverview<T>(
  settings: Settings,
  look: (copy: Spool) => T,
): Promise<Overview & { seen: T | undefined }> {
  const { store, value } = await readSnapshot(settings, (copy) => ({
    status: readStatus(copy, settings, Date.now()),
    seen: look(copy),
  }));
  const status = store.state === 'ok' ? value?.status : undefined;
  return { ...overviewOf(settings, store, status), seen: value?.seen };
}

/** The overview of a spool that has been read. */
export function overviewOf(settings: Settings, store: StoreState, status: Status | undefined): Overview {
  const { enabled, decidedBy } = settings.consent;
  const isRefused = isOptedOut(settings.directory) || status?.consent === false;
  const consent =
    enabled && isRefused
      ? { enabled: false, decided_by: 'usage disable' }
      : { enabled, decided_by: decidedBy };
  const obstacle = recordingObstacle(settings, store);
  const recording = { on: consent.enabled && obstacle === undefined, obstacle: obstacle?.message ?? null };
  const why = (): string => {
    if (!consent.enabled) {
      const left = leftByDisable(settings, store, status);
      const rest = left === undefined ? '' : ` ${left.message} ${left.advice}`;
      const by = enabled ? '`arcade usage disable`' : decidedBy;
      return `Recording is off (${by}).${rest}`.trim();
    }
    const found = 'advice' in store ? store : obstacle;
    if (found === undefined && status === undefined) return 'Nothing has been recorded yet.';
    const { message, advice } = found ?? deliveryOf(status as Status, settings, Date.now());
    return `${message} ${advice}`.trim();
  };
  return { store, status, consent, recording, why: why() };
}
