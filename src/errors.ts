/**
 * What can go wrong, as two strings that never mix: the message on the terminal (free text, which may name a file or
 * a key) and the message in a usage event (one of `RECORDED_MESSAGES`).
 */

/** The closed catalogue of `error_message` in usage events, by `error_code`. Nothing is interpolated. */
export const RECORDED_MESSAGES = {
  INVALID_USAGE: 'The command line is not valid',
  INVALID_PAIR: 'An argument is not of the form KEY=VALUE',
  INVALID_KEY: 'The secret key is not valid',
  INVALID_VALUE: 'The value is not valid text',
  INVALID_URL: 'The address to connect to is not valid',
  VALUE_REQUIRED: 'No value was given and there is no terminal to prompt on',
  ENV_FILE_UNREADABLE: 'The environment file could not be read',
  ENV_FILE_MALFORMED: 'The environment file could not be parsed',
  ENV_FILE_EMPTY: 'The environment file contains no secrets',
  NOT_LOGGED_IN: 'Not logged in',
  LOGIN_EXPIRED: 'The login has expired',
  LOGIN_REFRESH_FAILED: 'The login could not be refreshed',
  LOGIN_DENIED: 'The login was denied',
  LOGIN_FAILED: 'The login did not complete',
  LOGIN_TIMED_OUT: 'The login was not completed in time',
  LOGIN_PORT_BUSY: 'No local port is free for the login callback',
  CREDENTIALS_UNREADABLE: 'The credentials file could not be read',
  CREDENTIALS_MALFORMED: 'The credentials file could not be parsed',
  CREDENTIALS_UNWRITABLE: 'The credentials file could not be written',
  CREDENTIALS_BUSY: 'Another process is updating the credentials',
  NO_CONTEXT: 'No active organization and project',
  NO_ORGANIZATION: 'The account has no organization',
  NO_PROJECT: 'The organization has no project',
  UNKNOWN_ORGANIZATION: 'Unknown organization',
  UNKNOWN_PROJECT: 'Unknown project',
  ENGINE_UNKNOWN: 'No engine is configured for the self-hosted coordinator',
  API_KEY_UNSUPPORTED: 'The command needs a user login, not an API key',
  DNS_FAILED: 'The host name could not be resolved',
  CONNECTION_REFUSED: 'The connection was refused',
  CONNECTION_LOST: 'The connection was lost',
  TLS_FAILED: 'The TLS certificate could not be verified',
  PROXY_FAILED: 'The proxy could not be used',
  TIMED_OUT: 'The server did not respond in time',
  NETWORK_FAILED: 'A network error occurred',
  INVALID_REQUEST: 'The server rejected the request as invalid',
  UNAUTHORIZED: 'The server rejected the credentials',
  FORBIDDEN: 'Permission denied',
  NOT_FOUND: 'Not found on the server',
  RATE_LIMITED: 'Too many requests',
  SERVER_ERROR: 'The server reported an internal error',
  UNEXPECTED_STATUS: 'The server responded with an unexpected status',
  UNEXPECTED_ANSWER: 'The response is not from the Arcade API',
  PARTIAL_FAILURE: 'Some secrets could not be changed',
  CANCELLED: 'The user declined the confirmation',
  INTERRUPTED: 'The command was interrupted',
  OUTPUT_FAILED: 'The output could not be written',
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
  readonly hint?: string | undefined;
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
export function usageError(message: string, hint?: string, code: FailureCode = 'INVALID_USAGE'): UserError {
  return new UserError(code, message, { exitCode: EXIT.usage, hint });
}
