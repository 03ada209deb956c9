/**
 * What can go wrong, in two strings that never mix: the message a person sees on the terminal (free text,
 * may name their file or their key) and the message a usage event may carry (one of `RECORDED_MESSAGES`).
 */

/** The closed catalogue of `error_message` in usage events, by `error_code`. Nothing is interpolated. */
export const RECORDED_MESSAGES = {
  INVALID_USAGE: 'The command line was not understood',
  INVALID_PAIR: 'An argument is not of the form KEY=VALUE',
  INVALID_KEY: 'A secret key is not acceptable',
  INVALID_VALUE: 'A value is not text',
  INVALID_URL: 'The address to connect to is not valid',
  VALUE_REQUIRED: 'No value was given and there is no terminal to ask on',
  ENV_FILE_UNREADABLE: 'The environment file cannot be read',
  ENV_FILE_MALFORMED: 'The environment file cannot be understood',
  ENV_FILE_EMPTY: 'The environment file holds no secrets',
  NOT_LOGGED_IN: 'Nobody is logged in',
  LOGIN_EXPIRED: 'The login has expired',
  LOGIN_REFRESH_FAILED: 'The login cannot be refreshed',
  LOGIN_DENIED: 'The login was refused',
  LOGIN_FAILED: 'The login did not complete',
  LOGIN_TIMED_OUT: 'The login was not completed in time',
  LOGIN_PORT_BUSY: 'No port is free for the login callback',
  CREDENTIALS_UNREADABLE: 'The credentials file cannot be read',
  CREDENTIALS_MALFORMED: 'The credentials file cannot be understood',
  CREDENTIALS_UNWRITABLE: 'The credentials file cannot be written',
  CREDENTIALS_BUSY: 'Another process is changing the credentials',
  NO_CONTEXT: 'No organization and project are active',
  NO_ORGANIZATION: 'The account has no organization',
  NO_PROJECT: 'The organization has no project',
  UNKNOWN_ORGANIZATION: 'The organization is not known',
  UNKNOWN_PROJECT: 'The project is not known',
  ENGINE_UNKNOWN: 'No engine is known for a self-hosted coordinator',
  API_KEY_UNSUPPORTED: 'The command needs a login and not an API key',
  DNS_FAILED: 'The host name cannot be resolved',
  CONNECTION_REFUSED: 'The connection was refused',
  CONNECTION_LOST: 'The connection was lost',
  TLS_FAILED: 'No trusted TLS connection can be made',
  PROXY_FAILED: 'The proxy could not be used',
  TIMED_OUT: 'The server did not answer in time',
  NETWORK_FAILED: 'The network cannot be used',
  INVALID_REQUEST: 'The server refused the request as invalid',
  UNAUTHORIZED: 'The server did not accept the credentials',
  FORBIDDEN: 'The credentials do not permit this',
  NOT_FOUND: 'The server does not know this address',
  RATE_LIMITED: 'The server asked to slow down',
  SERVER_ERROR: 'The server failed',
  UNEXPECTED_STATUS: 'The server answered with an unexpected status',
  UNEXPECTED_ANSWER: 'The answer is not one of the API',
  PARTIAL_FAILURE: 'Some of several secrets failed',
  CANCELLED: 'The user declined',
  INTERRUPTED: 'The command was interrupted',
  OUTPUT_FAILED: 'The output cannot be written',
  UNEXPECTED: 'An unexpected error occurred',
} as const satisfies Record<string, string>;

/** The `error_code` of a usage event. */
export type ErrorCode = keyof typeof RECORDED_MESSAGES;

/** Failures of commands that are not recorded. */
type UnrecordedCode =
  | 'SPOOL_UNUSABLE'
  | 'NO_SUCH_RECORD'
  | 'WRONG_STATE'
  | 'NOTHING_RECORDED'
  | 'RECORDING_OFF'
  | 'NO_DESTINATION'
  | 'EVENTS_PENDING'
  | 'PROBLEMS_FOUND'
  | 'FILE_EXISTS';

/** What a command can fail with. */
export type FailureCode = ErrorCode | UnrecordedCode;

/** The code under which a failure is recorded. */
export function recordedCode(code: FailureCode): ErrorCode {
  return Object.hasOwn(RECORDED_MESSAGES, code) ? (code as ErrorCode) : 'UNEXPECTED';
}

/** The `error_message` of a usage event. */
export type RecordedMessage = (typeof RECORDED_MESSAGES)[ErrorCode];

/** Exit codes that a command promises. */
export const EXIT = { done: 0, failed: 1, usage: 2, hangup: 129, interrupted: 130, terminated: 143 } as const;

interface UserErrorDetails {
  /** What to do next, one line. */
  readonly hint?: string;
  /** Defaults to 1. */
  readonly exitCode?: number;
  readonly cause?: unknown;
}

/** Something the person can act on: shown as one line and a hint; recorded by its code alone. */
export class UserError extends Error {
  readonly code: FailureCode;
  readonly hint: string | undefined;
  readonly exitCode: number;

  constructor(code: FailureCode, message: string, details: UserErrorDetails = {}) {
    super(message, { cause: details.cause });
    this.name = 'UserError';
    this.code = code;
    this.hint = details.hint;
    this.exitCode = details.exitCode ?? EXIT.failed;
  }
}

/** A command line that cannot be run: exit code 2. */
export function usageError(message: string, hint?: string, code: ErrorCode = 'INVALID_USAGE'): UserError {
  return new UserError(code, message, { exitCode: EXIT.usage, ...(hint === undefined ? {} : { hint }) });
}
