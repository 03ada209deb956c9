/** A server that says yes at once, in a process of its own: for measuring the client and nothing else. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

interface QuickServer {
  readonly url: string;
  /** Ends it; says how many requests came and how long they kept coming. */
  close(): Promise<{ requests: number; activeMs: number }>;
}

const CODE = `
const { createServer } = require('node:http');
let requests = 0, first = 0, last = 0;
createServer((request, response) => {
  first ||= Date.now();
  request.resume().on('end', () => setTimeout(() => {
    requests += 1;
    last = Date.now();
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"status":"Ok"}');
  }, LATENCY));
}).listen(0, '127.0.0.1', function () { process.send({ port: this.address().port }); });
process.on('message', () => { process.send({ requests, activeMs: last - first }); process.disconnect(); process.exitCode = 0; setImmediate(() => process.exit()); });`;

/** Starts it; each answer comes `latencyMs` after its request. */
export async function startQuickServer(latencyMs: number): Promise<QuickServer> {
  const child = spawn(process.execPath, ['-e', CODE.replace('LATENCY', `${latencyMs}`)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  return {
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      child.send('end');
      const [counted] = (await once(child, 'message')) as [{ requests: number; activeMs: number }];
      return counted;
    },
  };
}
