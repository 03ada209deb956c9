/**
 * What is recorded: the closed list of events and of their properties. A value that is not of one of these
 * types does not type-check, and none of them can hold what a person typed, or more of
 * what a server said than the ids of an organization and a project.
 */
import { type BinaryLike, createHmac } from 'node:crypto';
import { type ErrorCode, RECORDED_MESSAGES, type RecordedMessage } from '../../errors.ts';
import { parseFields } from '../../infra/fields.ts';

declare const origin: unique symbol;
/** A string by where it comes from. No other string is one, so what a person typed does not type-check as it. */
type From<Origin extends string> = string & { readonly [origin]: Origin };
/** Made in `machine.ts` alone. */
export type FromMachine = From<'machine'>;
/** What has the form of an id: see `isReference`. */
type Reference = From<'reference'>;

/** The name of a command that is recorded. Made in `program/commands.ts` alone, from its table. */
export type CommandName = From<'the table of commands'>;

export const EVENT_NAMES = ['CLI execution succeeded', 'CLI execution failed'] as const;
export type EventName = (typeof EVENT_NAMES)[number];

/** Properties of a capture, in the order in which they are written down. */
export interface EventProperties {
  readonly command_name: CommandName;
  readonly cli_version: FromMachine;
  readonly runtime_language: 'node';
  readonly runtime_version: FromMachine;
  readonly os_type: FromMachine;
  readonly os_release: FromMachine;
  /** Whole milliseconds from the start of the process to its result. */
  readonly duration_ms: number;
  /** Seconds of a clock that never steps; their difference is the duration, they say nothing of the date. */
  readonly device_start_timestamp: number;
  readonly device_end_timestamp: number;
  readonly org_id?: Reference | undefined;
  readonly project_id?: Reference | undefined;
  readonly error_code?: ErrorCode | undefined;
  readonly error_message?: RecordedMessage | undefined;
}

/** How a command ended. `failure` is null when it succeeded. */
export interface Execution {
  readonly command: CommandName;
  readonly failure: ErrorCode | null;
  /** Seconds of a monotonic clock. */
  readonly startedAt: number;
  readonly endedAt: number;
  readonly context: { readonly orgId: string; readonly projectId: string } | null;
}

/** What a command did to who is signed in. */
export type SignInChange =
  | { readonly kind: 'login'; readonly principalId: string | null }
  | { readonly kind: 'logout' };

/** The machine, as far as it is recorded. */
export type Machine = Pick<EventProperties, 'cli_version' | 'runtime_version' | 'os_type' | 'os_release'>;

/**
 * What is recorded of one execution. Nothing but `of` makes one: an object that looks the same, or a copy of one with
 * more in it, lacks its private field and does not type-check.
 */
export class UsageEvent {
  readonly name: EventName;
  readonly command: CommandName;
  readonly #properties: EventProperties;

  private constructor(name: EventName, properties: EventProperties) {
    this.name = name;
    this.command = properties.command_name;
    this.#properties = properties;
  }

  static of({ command, failure, startedAt, endedAt, context }: Execution, machine: Machine): UsageEvent {
    // No spread: with it the compiler lets through what is not in the catalogue.
    return new UsageEvent(failure === null ? 'CLI execution succeeded' : 'CLI execution failed', {
      command_name: command,
      cli_version: machine.cli_version,
      runtime_language: 'node',
      runtime_version: machine.runtime_version,
      os_type: machine.os_type,
      os_release: machine.os_release,
      duration_ms: Math.max(0, Math.round((endedAt - startedAt) * 1000)),
      device_start_timestamp: startedAt,
      device_end_timestamp: endedAt,
      org_id: isReference(context?.orgId) ? context.orgId : undefined,
      project_id: isReference(context?.projectId) ? context.projectId : undefined,
      error_code: failure ?? undefined,
      error_message: failure === null ? undefined : RECORDED_MESSAGES[failure],
    });
  }

  /**
   * The event that was written down as `text`; undefined where `of` makes none with these properties. An older version may
   * have written fewer.
   */
  static revive(text: unknown): UsageEvent | undefined {
    const fields = parseFields(String(text)) ?? {};
    const {
      error_code: code = null,
      device_start_timestamp: startedAt,
      device_end_timestamp: endedAt,
    } = fields;
    const { command_name: command, org_id: orgId, project_id: projectId } = fields;
    const { cli_version, runtime_version, os_type, os_release } = fields;
    const machine = { cli_version, runtime_version, os_type, os_release };
    const isPlausible =
      typeof command === 'string' &&
      /^[a-z]+(\.[a-z]+)?$/.test(command) &&
      Object.values(machine).every(isShort) &&
      Number.isFinite(startedAt) &&
      Number.isFinite(endedAt) &&
      (code === null || Object.hasOwn(RECORDED_MESSAGES, String(code)));
    if (!isPlausible) return undefined;
    const execution = { command, failure: code, startedAt, endedAt, context: { orgId, projectId } };
    const event = UsageEvent.of(execution as Execution, machine as Machine);
    const made: Readonly<Record<string, unknown>> = { ...event.#properties };
    return Object.entries(fields).every(([name, value]) => value === made[name]) ? event : undefined;
  }

  /** Its properties as they are kept and sent; those that are undefined are not there. */
  toText(): string {
    return JSON.stringify(this.#properties);
  }
}

function isShort(value: unknown): boolean {
  return value === undefined || (typeof value === 'string' && value.length <= 100 && !/\p{Cc}/u.test(value));
}

/** An id as Arcade's servers make them. What a person wrote into the credentials file instead stays there. */
function isReference(id: unknown): id is Reference {
  return typeof id === 'string' && /^[A-Za-z0-9_-]{1,64}$/.test(id);
}

// PostHog's own list, nodejs/src/ingestion/common/persons: ids that it never merges, in any case and quoted.
const NEVER_MERGED = new Set([
  ...['anonymous', 'guest', 'distinctid', 'distinct_id', 'id', 'not_authenticated', 'email', 'undefined'],
  ...['true', 'false', '[object object]', 'nan', 'none', 'null', '0'],
]);

/**
 * Whether PostHog takes `id` for a distinct_id and can merge it: not empty, at most 200 characters (it cuts
 * there), no control characters, no half of a surrogate pair (it refuses the whole batch), none of the
 * placeholders that it never merges. Nor white space, which is of a text, nor a slash, which is of an address.
 */
export function isDistinctId(id: unknown): id is string {
  if (typeof id !== 'string' || id === '' || id.length > 200) return false;
  if (/[\s\p{Cc}\p{Cs}/\\]/u.test(id)) return false;
  return !NEVER_MERGED.has(id.toLowerCase().replace(/^["']|["']$/g, ''));
}

/** An e-mail address, a host, an address of a network or a file. */
const NAMES_SOMEONE = /[@./\\]|::|:\d+$/;

/**
 * The id under which an account is recorded, or null for none that PostHog would take. One that names a person or a
 * host, as a self-hosted coordinator may give, is recorded as a keyed hash: by the installation's key, so that its
 * events still belong together and no one else can tell whose they are.
 */
export function recordedId(id: unknown, key: BinaryLike): string | null {
  if (typeof id !== 'string') return null;
  const isText = /[\s\p{Cc}\p{Cs}]/u.test(id);
  const recorded =
    NAMES_SOMEONE.test(id) && !isText
      ? createHmac('sha256', key).update(`principal ${id}`).digest('base64url')
      : id;
  return isDistinctId(recorded) ? recorded : null;
}
