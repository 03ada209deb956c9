/** Every property of an event in the words of its documentation; `docs/telemetry.md` is made from this. */
import { RECORDED_MESSAGES } from '../src/errors.ts';
import type { EventProperties } from '../src/usage/event/event.ts';

interface Documented {
  readonly what: string;
  readonly why: string;
  readonly example: string;
}

/** One entry for each property; a property without one does not type-check. */
export const PROPERTIES: Readonly<Record<keyof EventProperties, Documented>> = {
  command_name: {
    what: 'Which command ran, from a fixed list; never its arguments.',
    why: 'To know which commands are used.',
    example: 'secret.set',
  },
  cli_version: {
    what: 'The version of this program.',
    why: 'To know which versions are in use.',
    example: '0.1.0',
  },
  runtime_language: {
    what: 'Always `node`.',
    why: 'To tell this program from the Python one.',
    example: 'node',
  },
  runtime_version: {
    what: 'The version of Node.',
    why: 'To know which versions must be supported.',
    example: '24.21.0',
  },
  os_type: {
    what: 'The kind of operating system.',
    why: 'To know which systems must be supported.',
    example: 'Linux',
  },
  os_release: {
    what: "The system's release.",
    why: 'To find failures of one release.',
    example: '6.1.0-18-amd64',
  },
  duration_ms: {
    what: 'How long the command took, in whole milliseconds.',
    why: 'To find slow commands.',
    example: '412',
  },
  device_start_timestamp: {
    what: 'When the command began, in seconds of a clock that starts with the machine and does not know the date.',
    why: 'To order events of one machine whose clock was changed.',
    example: '2698.909',
  },
  device_end_timestamp: {
    what: 'When it ended, by the same clock.',
    why: 'As above.',
    example: '2699.321',
  },
  org_id: {
    what: 'The id of the active organization, when you are logged in with one.',
    why: 'To tell organizations how their tools are used.',
    example: 'a6e40bc0-9624-42b8-83bf-0fa3b9eed9d7',
  },
  project_id: {
    what: 'The id of the active project, when you are logged in with one.',
    why: 'As above.',
    example: '5ff3f725-d864-5a54-8e5d-753b35fa5c32',
  },
  error_code: {
    what: 'What kind of failure it was, from a fixed list.',
    why: 'To find what goes wrong.',
    example: 'UNAUTHORIZED',
  },
  error_message: {
    what: 'The sentence that belongs to that code, from the same list. It is not what the terminal showed.',
    why: 'To read the code without a manual.',
    example: RECORDED_MESSAGES.UNAUTHORIZED,
  },
};
