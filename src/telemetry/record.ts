/** Joins a command that has ended with its event: whose it is, that it is appended, and who sends it. */
import { type ConnectionOptions, mayAskCoordinator } from '../auth/connection.ts';
import { accountOf, type Credentials, isFromEnvironment } from '../auth/credentials.ts';
import { prepareToStart, startDetached } from '../infra/os/detached.ts';
import type { Settings } from '../settings.ts';
import { describeStack } from '../terminal/failure.ts';
import { visible } from '../terminal/visible.ts';
import type { CredentialsSeen } from '../usage/append/append.ts';
import type { Recorder } from '../usage/append/recorder.ts';
import type { Execution, SignInChange } from '../usage/event/event.ts';

/** What a command has learned that its event needs. */
export interface Recordable {
  readonly settings: Settings;
  readonly connection: ConnectionOptions;
  readonly credentials: () => Promise<Credentials>;
  /** Who is signed in after a command that changed it. */
  readonly signedIn: Credentials | undefined;
  readonly change: SignInChange | null;
  readonly recorder: Promise<Recorder> | undefined;
  /** The network has just answered. */
  readonly online: boolean;
}

/** Records a command that has ended and wakes the flusher. Never rejects, whatever happens in here. */
export async function record(execution: Omit<Execution, 'context'>, recordable: Recordable): Promise<void> {
  const { settings, connection, credentials, signedIn, change, online } = recordable;
  try {
    const inForce = async (): Promise<Credentials> => signedIn ?? (await credentials());
    const { seen, context } = await credentialsSeen(inForce, connection, settings);
    const recorder = await (recordable.recorder ?? loadRecorder(settings));
    const wake = recorder.record({ ...execution, context }, { credentials: seen, change, online });
    if (!wake) return;
    const { program, flusherEnvironment } = settings;
    // The key travels only when it is what the person signed in with.
    const { ARCADE_API_KEY: _, ...withoutKey } = flusherEnvironment;
    const environment = seen.fromEnvironment ? flusherEnvironment : withoutKey;
    await startDetached({ program, script: program.flusher, environment });
  } catch (error) {
    debugTo(settings)('usage was not recorded', error);
  }
}

/** What an event may know of the credentials that `read` yields; ones that cannot be read tell nothing. Never rejects. */
export async function credentialsSeen(
  read: () => Promise<Credentials>,
  connection: ConnectionOptions,
  settings: Settings,
): Promise<{ readonly seen: CredentialsSeen; readonly context: Execution['context'] }> {
  try {
    const credentials = await read();
    const resolvable = mayAskCoordinator(connection, settings, credentials);
    const context = credentials.kind === 'oauth' ? credentials.context : null;
    const fromEnvironment = isFromEnvironment(credentials);
    return { seen: { account: accountOf(credentials), resolvable, fromEnvironment }, context };
  } catch {
    return { seen: { account: undefined, resolvable: false, fromEnvironment: false }, context: null };
  }
}

/** Opens the recorder, and gets ready to start a flusher, while the command waits for the network. Never rejects. */
export async function loadRecorderAhead(settings: Settings): Promise<Recorder> {
  const recorder = await loadRecorder(settings);
  // Where it cannot be loaded, starting the flusher says so.
  if (recorder.wakeIsLikely()) await prepareToStart().catch(() => undefined);
  return recorder;
}

async function loadRecorder(settings: Settings): Promise<Recorder> {
  try {
    const { openRecorder } = await import('../usage/append/recorder.ts');
    return openRecorder(settings, debugTo(settings));
  } catch (error) {
    debugTo(settings)('the recorder cannot be loaded', error);
    return { wakeIsLikely: () => false, record: () => false };
  }
}

function debugTo(settings: Settings): (what: string, error: unknown) => void {
  return (what, error) => {
    if (settings.debug)
      process.stderr.write(
        `usage: ${what}: ${error instanceof Error ? describeStack(error) : visible(String(error))}\n`,
      );
  };
}
