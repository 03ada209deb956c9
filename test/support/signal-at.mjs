// Loaded into the program by its tests, with `node --import`: ARCADE_TEST_SIGNAL_AT="SIGINT node:fs writeSync TEXT"
// sends the signal right after the first call of that function with TEXT in an argument, once it has been called
// and before it has come back; with `2x` before the signal, once more a moment later. Nothing of this is in the program.
import { createRequire, syncBuiltinESMExports } from 'node:module';

const [, twice, signal, module, name, text] =
  /^(2x)?(\S+) (\S+) (\S+) (.+)$/.exec(process.env.ARCADE_TEST_SIGNAL_AT ?? '') ?? [];

if (signal !== undefined) {
  const owner = createRequire(import.meta.url)(module);
  const original = owner[name];
  let sent = false;
  owner[name] = function (...values) {
    const result = original.apply(this, values);
    if (!sent && values.some((value) => String(value).includes(text))) {
      sent = true;
      process.kill(process.pid, signal);
      if (twice !== undefined) setTimeout(() => process.kill(process.pid, signal), 5);
    }
    return result;
  };
  syncBuiltinESMExports();
}
