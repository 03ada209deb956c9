/** One command: run, its failure reported, its event recorded. The only place that catches. */
import { type Credentials, readCredentials } from './auth/credentials.ts';
import { EXIT, type FailureCode, recordedCode, UserError, usageError } from './errors.ts';
import { useNetworkVariables, watchNetwork } from './infra/net/network.ts';
import { connectionOf, type Invocation, type LineReading, type Options } from './invocation.ts';
import { eventNameOf } from './program/commands.ts';
import { complete } from './program/complete.ts';
import { helpHint } from './program/misuse.ts';
import { type Parsed, parseLine } from './program/parse.ts';
import { type Program, readSettings, type Settings } from './settings.ts';
import { loadRecorderAhead, record } from './telemetry/record.ts';
import { errorDocument, printError } from './terminal/failure.ts';
import { type Output, openOutput, type Stream } from './terminal/output.ts';
import { flushed, watchPipes } from './terminal/pipes.ts';
import { askHidden, type Input, PromptInterrupted } from './terminal/prompt.ts';
import { Interrupted, type Signals, settled, type UntilSignal, watchSignals } from './terminal/signals.ts';
import { say } from './terminal/visible.ts';
import type { Recorder } from './usage/append/recorder.ts';
import type { SignInChange } from './usage/event/event.ts';

/** What the process gives. */
export interface Process {
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

type Runnable = Extract<Parsed, { kind: 'run' | 'wrong' }>;

/** What a command came to. */
interface Outcome {
  readonly exitCode: number;
  readonly failure: FailureCode | null;
  /** Still to be printed. */
  readonly error?: unknown;
  readonly interrupted: boolean;
}

/** What is learned while a command runs, for its event and for its end. */
interface Learned {
  change: SignInChange | null;
  /** Who is signed in after a command that changed it. */
  signedIn: Credentials | undefined;
  stop: AbortController | undefined;
  readonly unfinished: Promise<unknown>[];
  recorder: Promise<Recorder> | undefined;
}

/** Runs a command and records it. Resolves to the exit code when there is nothing more to wait for. Never rejects. */
export async function runLine(parsed: Runnable, around: Process): Promise<number> {
  const { options } = parsed;
  const { stdout, stderr } = around;
  const env = environmentWith(options, around);
  const settings = readSettings(env, around.program);
  useNetworkVariables(settings.flusherEnvironment);
  const output = openOutput(stdout, stderr, env, options.quiet === true);
  const written = watchPipes(stdout, stderr);
  const untilSignal = watchSignals(around.signals);
  const name = parsed.words === null ? null : eventNameOf(parsed.words);
  const event = settings.consent.enabled && settings.directory !== undefined ? name : null;
  const learned: Learned = {
    change: null,
    signedIn: undefined,
    stop: undefined,
    unfinished: [],
    recorder: undefined,
  };
  // While the process waits for a server there is time to get ready for recording.
  const isAnswered = watchNetwork(() => {
    learned.recorder ??= event === null ? undefined : loadRecorderAhead(settings);
  });
  const invocation = invocationOf(parsed, around, settings, output, learned);
  const ran = await runCommand(parsed, invocation, learned, untilSignal);
  const unwritten = await written();
  const outcome = ran.failure === null && unwritten !== undefined ? failed(unwritten) : ran;
  output.progress(say``);
  if (outcome.error !== undefined) {
    await printError(output, outcome.error, settings.debug);
    if (invocation.json) output.json(errorDocument(outcome.error));
  }
  if (event !== null) {
    const failure = outcome.failure === null ? null : recordedCode(outcome.failure);
    const execution = { command: event, failure, startedAt: around.startedAt, endedAt: around.monotonic() };
    const online = failure === null && isAnswered();
    const { connection, credentials } = invocation;
    await record(execution, { settings, connection, credentials, ...learned, online });
  }
  if (outcome.interrupted) return outcome.exitCode;
  // The output may have a slow reader, and a signal may have come while the event was being recorded.
  return await untilSignal(flushed(stdout, stderr)).then(
    () => outcome.exitCode,
    ({ exitCode }: Interrupted) => exitCode,
  );
}

/** The global options that stand for a variable. */
function environmentWith(options: Options, { env }: Process): Process['env'] {
  return {
    ...env,
    ...(options.debug === true ? { ARCADE_DEBUG: '1' } : {}),
    ...(options['no-color'] === true ? { NO_COLOR: '1' } : {}),
  };
}

async function runCommand(
  parsed: Runnable,
  invocation: Invocation,
  learned: Learned,
  untilSignal: UntilSignal,
): Promise<Outcome> {
  try {
    if (parsed.kind === 'wrong') throw parsed.error;
    const { dispatch } = await import('./program/dispatch.ts');
    const run = await untilSignal(dispatch(parsed.words));
    const failure = (await untilSignal(run(invocation))) ?? null;
    return { exitCode: failure === null ? EXIT.done : EXIT.failed, failure, interrupted: false };
  } catch (error) {
    if (!(error instanceof Interrupted || error instanceof PromptInterrupted))
      return failed(withHint(error, parsed.words ?? ''));
    const exitCode = error instanceof Interrupted ? error.exitCode : EXIT.interrupted;
    learned.stop?.abort();
    await settled(learned.unfinished);
    invocation.output.mute();
    return { exitCode, failure: 'INTERRUPTED', interrupted: true };
  }
}

/** A usage error without a hint of its own says where the right line can be read. */
function withHint(error: unknown, words: string): unknown {
  if (!(error instanceof UserError) || error.exitCode !== EXIT.usage || error.hint !== undefined)
    return error;
  return usageError(error.message, helpHint(words), error.code);
}

function failed(error: unknown): Outcome {
  const { exitCode = EXIT.failed, code = 'UNEXPECTED' } = error instanceof UserError ? error : {};
  return { exitCode, failure: code, error, interrupted: false };
}

function invocationOf(
  parsed: Runnable,
  around: Process,
  settings: Settings,
  output: Output,
  learned: Learned,
): Invocation {
  const { options } = parsed;
  let credentials: Promise<Credentials> | undefined;
  return {
    options,
    positionals: parsed.kind === 'run' ? parsed.positionals : [],
    json: options.json === true,
    connection: connectionOf(options),
    settings,
    output,
    elapsedMs: () => (around.monotonic() - around.startedAt) * 1000,
    get input() {
      return around.stdin;
    },
    askHidden: async (question) => {
      if (options['no-input'] === true)
        throw usageError(
          'A value is missing, and --no-input forbids prompting for it.',
          'Pass it as an argument or on standard input.',
          'VALUE_REQUIRED',
        );
      const { stdin: input, stderr, env } = around;
      learned.stop ??= new AbortController();
      return await askHidden({ input, stderr, term: env.TERM, interrupted: learned.stop.signal }, question);
    },
    readLine,
    complete,
    credentials: () => {
      credentials ??= readCredentials(settings);
      return credentials;
    },
    identityChanged: (change, signedIn) => {
      learned.change = change;
      learned.signedIn = signedIn;
    },
    get interrupted() {
      learned.stop ??= new AbortController();
      return learned.stop.signal;
    },
    protect: (work) => void learned.unfinished.push(work),
  };
}

/** What would be recorded of a command line: nothing of one that asks for help, or that names no command. */
function readLine(argv: readonly string[]): LineReading {
  const parsed = parseLine(argv);
  const runs = parsed.kind === 'run' || parsed.kind === 'wrong';
  const words = parsed.kind === 'version' ? '' : parsed.words;
  return {
    words,
    event: runs && words !== null ? eventNameOf(words) : null,
    connection: connectionOf(runs ? parsed.options : {}),
    error: parsed.kind === 'wrong' ? parsed.error : undefined,
  };
}
