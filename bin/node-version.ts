/** Which Node this program needs, as package.json states it. Old Nodes read this file: no newer syntax. */
import manifest from '../package.json' with { type: 'json' };

/** `22.22.0`: the lowest Node that will do. */
export const NEEDED = manifest.engines.node.replace('>=', '');

/** Whether a Node of this version (`24.21.0`) can run the program. */
export function isNewEnough(version: string): boolean {
  const [major, minor] = numbers(version);
  const [neededMajor, neededMinor] = numbers(NEEDED);
  return major > neededMajor || (major === neededMajor && minor >= neededMinor);
}

function numbers(version: string): [number, number] {
  const [major, minor] = version.split('.').map(Number);
  return [Number(major), Number(minor)];
}
