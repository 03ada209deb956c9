/** One invocation: parse, run, tell, record, wake the flusher. The only place that catches. */
import { type Credentials, readCredentials } from './auth/credentials.ts';
import { type ErrorCode, EXIT, UserError } from './errors.ts';
import { useNetworkVariables } from './infra/net/proxy.ts';
import { type NetworkWatch, watchNetwork } from './infra/net/waiting.ts';
import { connectionOf, type Invocation } from './invocation.ts';
import { eventNameOf, loadCommand, printHelp, SHAPES } from './program/commands.ts';
import { type Options, type Parsed, parseArguments } from './program/parse.ts';
import { type Program, readSettings, type Settings } from './settings.ts';
import { loadRecorder, record } from './telemetry/record.ts';
import { errorDocument, tell } from './terminal/failure.ts';
import { type Output, openOutput, type Stream } from './terminal/output.ts';
import { flushed, watchPipes } from './terminal/pipes.ts';
import { askHidden, type Input, PromptInterrupted } from './terminal/prompt.ts';
import { Interrupted, type Signals, settled, type UntilSignal, watchSignals } from './terminal/signals.ts';
import type { IdentityChange } from './usage/append/append.ts';
import type { Recorder } from './usage/append/recorder.ts';
import type { CommandName } from './usage/event/event.ts';

/** What the process gives. */
export interface Surroundings {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly program: Program;
  readonly stdin: Input;
  readonly stdout: Stream & NodeJS.WritableStream;
  readonly stderr: Stream & NodeJS.WritableStream;
  readonly signals: Signals;
  /** Seconds of a monotonic clock, and when this process began by it. */
  readonly monotonic: () => number;
  readonly startedAt: number;
}

/** Runs one command line. Resolves to the exit code when there is nothing more to wait for. Never rejects. */
export async function main(around: Surroundings): Promise<number> {
  const settings = readSettings(around.env, around.program);
  useNetworkVariables(settings.flusherEnvironment);
  const output = openOutput(around.stdout, around.stderr, around.env);
  const written = watchPipes(around.stdout, around.stderr);
  const parsed = parseArguments(around.argv, SHAPES);
  if (parsed.kind === 'version' || parsed.kind === 'help') {
    if (parsed.kind === 'version') output.line(`arcade ${settings.program.version}`);
    else printHelp(parsed.words);
    const error = await written();
    if (error !== undefined) await tell(output, error, settings.debug);
    await flushed(around.stdout, around.stderr);
    return error?.exitCode ?? EXIT.done;
  }
  const untilSignal = watchSignals(around.signals);
  const session = openSession(parsed, settings);
  const ran = await runCommand(parsed, { around, settings, output, session, untilSignal });
  const unwritten = await written();
  const result = ran.failure === null && unwritten !== undefined ? failed(unwritten) : ran;
  output.progress('');
  if (result.error !== undefined) {
    await tell(output, result.error, settings.debug || session.options.debug === true);
    if (session.options.json === true) output.json(errorDocument(result.error));
  }
  await recordResult(result, session, around, settings);
  if (result.interrupted) return result.exitCode;
  return (await signalWhileFlushing(around, untilSignal))?.exitCode ?? result.exitCode;
}

/** Waits for whoever reads the output, until a signal comes, or has come while the event was being recorded. */
async function signalWhileFlushing(
  { stdout, stderr }: Surroundings,
  untilSignal: UntilSignal,
): Promise<Interrupted | undefined> {
  try {
    await untilSignal(flushed(stdout, stderr));
    return undefined;
  } catch (error) {
    if (error instanceof Interrupted) return error;
    throw error;
  }
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

interface Running {
  readonly around: Surroundings;
  readonly settings: Settings;
  readonly output: Output;
  readonly session: Session;
  readonly untilSignal: UntilSignal;
}

async function runCommand(parsed: Runnable, running: Running): Promise<Result> {
  const { untilSignal } = running;
  try {
    if (parsed.kind === 'wrong') throw parsed.error;
    const run = await untilSignal(loadCommand(parsed.argv));
    const failure = await untilSignal(run(invocationOf(parsed, running)));
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
      running.output.mute();
      return { exitCode, failure: 'INTERRUPTED', error: undefined, interrupted: true };
    }
    return failed(error);
  }
}

function failed(error: unknown): Result {
  const known = error instanceof UserError ? error : undefined;
  const exitCode = known?.exitCode ?? EXIT.failed;
  return { exitCode, failure: known?.code ?? 'UNEXPECTED', error, interrupted: false };
}

async function recordResult(
  result: Result,
  session: Session,
  around: Surroundings,
  settings: Settings,
): Promise<void> {
  if (session.event === null) return;
  const { failure } = result;
  const times = { startedAt: around.startedAt, endedAt: around.monotonic() };
  const online = failure === null && session.watch.answered;
  await record({ command: session.event, failure, ...times }, { ...session, settings, online });
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
