/** One invocation: parse, run, tell, record, wake the flusher. The only place that catches. */
import { type Credentials, readCredentials } from './auth/credentials.ts';
import { type Options, type Parsed, parseArguments } from './cli/arguments.ts';
import { type Output, openOutput, type Stream, visible } from './cli/output.ts';
import { eventNameOf, loadCommand, printHelp, SHAPES } from './cli/program.ts';
import { askHidden, type Input, PromptInterrupted } from './cli/prompt.ts';
import { connectionOf, type Invocation } from './commands/command.ts';
import { type ErrorCode, EXIT, UserError } from './errors.ts';
import { prepareToStart, startDetached } from './infra/detached.ts';
import { type NetworkWatch, watchNetwork } from './infra/waiting.ts';
import { credentialsSeen } from './seen.ts';
import { LIMITS, type Program, readSettings, type Settings } from './settings.ts';
import type { IdentityChange } from './usage/append.ts';
import type { CommandName } from './usage/event.ts';
import type { Recorder } from './usage/recorder.ts';

/** What the process gives. */
export interface Surroundings {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly program: Program;
  readonly stdin: Input;
  readonly stdout: Stream & NodeJS.EventEmitter;
  readonly stderr: Stream & NodeJS.EventEmitter;
  readonly on: (signal: NodeJS.Signals, listener: () => void) => void;
  /** Seconds of a monotonic clock, and when this process began by it. */
  readonly monotonic: () => number;
  readonly startedAt: number;
}

interface Ending {
  readonly exitCode: number;
  /** The process must not wait for what is still under way. */
  readonly atOnce: boolean;
}

/** Runs one command line and says how the process is to end. Never rejects. */
export async function main(around: Surroundings): Promise<Ending> {
  const settings = readSettings(around.env, around.program);
  const output = openOutput(around.stdout, around.stderr, around.env);
  const pipes = watchPipes(around);
  const parsed = parseArguments(around.argv, SHAPES);
  if (parsed.kind === 'version' || parsed.kind === 'help') {
    if (parsed.kind === 'version') output.line(`arcade ${settings.program.version}`);
    else printHelp(parsed.words);
    const { exitCode, error } = await pipes.check(DONE);
    if (error !== undefined) await tell(output, error, settings.debug);
    return { exitCode, atOnce: false };
  }
  const session = openSession(parsed, settings);
  const result = await pipes.check(await runCommand(parsed, { around, settings, output, session }));
  const debug = settings.debug || session.options.debug === true;
  output.progress('');
  if (result.error !== undefined) await tell(output, result.error, debug);
  if (result.error !== undefined && session.options.json === true) output.json(errorDocument(result));
  await record(result, { around, settings, session });
  return { exitCode: result.exitCode, atOnce: result.interrupted };
}

type Runnable = Extract<Parsed, { kind: 'run' | 'wrong' }>;

/** What is learned about the invocation while it runs, for its event. */
interface Session {
  readonly event: CommandName | null;
  readonly options: Options;
  readonly watch: NetworkWatch;
  readonly credentials: () => Promise<Credentials>;
  change: IdentityChange;
  /** Who is signed in after a command that changed it. */
  signedIn: Credentials | undefined;
  stop: AbortController | undefined;
  readonly protected: Promise<unknown>[];
  recorder: Promise<Recorder> | undefined;
}

function openSession(parsed: Runnable, settings: Settings): Session {
  const event = parsed.words === null ? null : eventNameOf(parsed.words);
  let reading: Promise<Credentials> | undefined;
  const session: Session = {
    event: settings.consent.enabled && settings.directory !== undefined ? event : null,
    options: parsed.options,
    watch: watchNetwork(() => {
      session.recorder ??= session.event === null ? undefined : loadRecorder(settings);
    }),
    credentials: () => {
      reading ??= readCredentials(settings);
      return reading;
    },
    change: null,
    signedIn: undefined,
    stop: undefined,
    protected: [],
    recorder: undefined,
  };
  return session;
}

interface Result {
  readonly exitCode: number;
  readonly failure: ErrorCode | null;
  /** Still to be told. */
  readonly error: unknown;
  readonly interrupted: boolean;
}

const DONE: Result = { exitCode: EXIT.done, failure: null, error: undefined, interrupted: false };

interface Running {
  readonly around: Surroundings;
  readonly settings: Settings;
  readonly output: Output;
  readonly session: Session;
}

async function runCommand(parsed: Runnable, running: Running): Promise<Result> {
  const interruption = watchSignals(running.around);
  try {
    if (parsed.kind === 'wrong') throw parsed.error;
    const run = await loadCommand(parsed.argv);
    const failure = await Promise.race([run(invocationOf(parsed, running)), interruption]);
    return {
      exitCode: failure === undefined ? EXIT.done : EXIT.failed,
      failure: failure ?? null,
      error: undefined,
      interrupted: false,
    };
  } catch (error) {
    if (error instanceof Interrupted || error instanceof PromptInterrupted) {
      const exitCode = error instanceof Interrupted ? error.exitCode : EXIT.interrupted;
      running.session.stop?.abort();
      await settled(running.session.protected);
      return { exitCode, failure: 'INTERRUPTED', error: undefined, interrupted: true };
    }
    const known = error instanceof UserError ? error : undefined;
    return {
      exitCode: known?.exitCode ?? EXIT.failed,
      failure: known?.code ?? 'UNEXPECTED',
      error,
      interrupted: false,
    };
  }
}

function invocationOf(
  parsed: Extract<Parsed, { kind: 'run' }>,
  { around, settings, output, session }: Running,
): Invocation {
  return {
    options: parsed.options,
    positionals: parsed.positionals,
    connection: connectionOf(parsed.options),
    settings,
    output,
    get input() {
      return around.stdin;
    },
    askHidden: (question) => askHidden(around.stdin, around.stderr, question),
    understand,
    credentials: session.credentials,
    identityChanged: (change, signedIn) => {
      session.change = change;
      session.signedIn = signedIn;
    },
    get interrupted() {
      session.stop ??= new AbortController();
      return session.stop.signal;
    },
    protect: (work) => void session.protected.push(work),
  };
}

/** What is recorded of a command line: nothing of one that asks for help, or that names no command. */
function understand(argv: readonly string[]): ReturnType<Invocation['understand']> {
  const parsed = parseArguments(argv, SHAPES);
  const runs = parsed.kind === 'run' || parsed.kind === 'wrong';
  return { parsed, event: runs && parsed.words !== null ? eventNameOf(parsed.words) : null };
}

/** Waits for what an interruption must not cut short, within reason. */
async function settled(work: readonly Promise<unknown>[]): Promise<void> {
  if (work.length === 0) return;
  const enough = new Promise((resolve) => setTimeout(resolve, LIMITS.protectedMs));
  await Promise.race([Promise.allSettled(work), enough]);
}

class Interrupted extends Error {
  readonly exitCode: number;

  constructor(exitCode: number) {
    super('interrupted');
    this.exitCode = exitCode;
  }
}

/** Rejects at the first signal; the second one ends the process as it would have without us. */
function watchSignals({ on }: Surroundings): Promise<never> {
  return new Promise((_resolve, reject) => {
    on('SIGINT', () => reject(new Interrupted(EXIT.interrupted)));
    on('SIGTERM', () => reject(new Interrupted(EXIT.terminated)));
    on('SIGHUP', () => reject(new Interrupted(EXIT.hangup)));
  });
}

/**
 * A reader that has seen enough (`arcade secret list | head -1`) is no failure; a result that could not be
 * written anywhere else is.
 */
function watchPipes({ stdout, stderr }: Surroundings): { check: (result: Result) => Promise<Result> } {
  let failed: NodeJS.ErrnoException | undefined;
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') failed ??= error;
  });
  stderr.on('error', () => undefined);
  return {
    async check(result) {
      // A stream tells of a failed write a moment after it.
      await new Promise((resolve) => setImmediate(resolve));
      if (failed === undefined || result.failure !== null) return result;
      const error = new UserError('OUTPUT_FAILED', 'The result could not be written.', {
        hint: 'Check that there is space where the output goes.',
        cause: failed,
      });
      return { ...result, exitCode: EXIT.failed, failure: 'OUTPUT_FAILED', error };
    },
  };
}

async function tell(output: Output, error: unknown, debug: boolean): Promise<void> {
  const paint = await output.paint('stderr');
  const known = error instanceof UserError ? error : undefined;
  const message = known?.message ?? 'Something unexpected went wrong in this program.';
  const hint =
    known === undefined
      ? 'Run it again with ARCADE_DEBUG=1 to see the details, and please report them.'
      : known.hint;
  output.note(`${paint.red('Error:')} ${visible(message)}`);
  if (hint !== undefined) output.note(`${paint.dim('Hint:')} ${visible(hint)}`);
  if (debug && error instanceof Error) output.note(describeStack(error));
}

/** A program that was promised a JSON document gets one, also when there is no result. */
function errorDocument({ error, failure }: Result): unknown {
  const known = error instanceof UserError ? error : undefined;
  const message = known?.message ?? 'Something unexpected went wrong in this program.';
  return { error: { code: failure, message, hint: known?.hint ?? null } };
}

function describeStack(error: Error): string {
  const cause = error.cause instanceof Error ? `\nCaused by: ${describeStack(error.cause)}` : '';
  return `${error.stack ?? error.message}${cause}`;
}

/** Everything of the telemetry; whatever happens in here, the command has already ended. */
async function record(result: Result, { around, settings, session }: Omit<Running, 'output'>): Promise<void> {
  if (session.event === null) return;
  try {
    const execution = {
      command: session.event,
      failure: result.failure,
      startedAt: around.startedAt,
      endedAt: around.monotonic(),
    };
    const inForce = async (): Promise<Credentials> => session.signedIn ?? (await session.credentials());
    const { seen, context } = await credentialsSeen(inForce, connectionOf(session.options), settings);
    const recorder = await (session.recorder ?? loadRecorder(settings));
    const online = result.failure === null && session.watch.answered;
    const wake = recorder.record(
      { ...execution, context },
      { credentials: seen, change: session.change, online },
    );
    if (wake && settings.directory !== undefined) {
      await startDetached({
        program: settings.program,
        script: settings.program.flusher,
        directory: settings.directory,
        environment: flusherEnvironment(settings, await session.credentials().catch(() => undefined)),
      });
    }
  } catch (error) {
    debugTo(settings)('usage was not recorded', error);
  }
}

/** The key travels only when it is what the person signed in with. */
function flusherEnvironment(
  settings: Settings,
  credentials: Credentials | undefined,
): Record<string, string> {
  const { ARCADE_API_KEY: key, ...rest } = settings.flusherEnvironment;
  const inForce = credentials?.kind === 'api_key' && credentials.source === 'environment';
  return inForce && key !== undefined ? { ...rest, ARCADE_API_KEY: key } : rest;
}

/** Never rejects: it may be begun long before anybody waits for it. */
async function loadRecorder(settings: Settings): Promise<Recorder> {
  try {
    const { openRecorder } = await import('./usage/recorder.ts');
    const recorder = openRecorder(settings, debugTo(settings));
    if (recorder.wakeIsLikely) await prepareToStart();
    return recorder;
  } catch (error) {
    debugTo(settings)('the recorder cannot be loaded', error);
    return { wakeIsLikely: false, record: () => false };
  }
}

function debugTo(settings: Settings): (what: string, error: unknown) => void {
  return (what, error) => {
    if (settings.debug)
      process.stderr.write(`usage: ${what}: ${error instanceof Error ? describeStack(error) : error}\n`);
  };
}
