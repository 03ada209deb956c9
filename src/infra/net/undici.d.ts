// The parts of undici that are needed. All of it (fetch, WebSocket, caches, ...) takes 29 ms to load on a machine on
// which Node itself starts in 21 ms; these parts take 16 ms.
declare module 'undici/lib/dispatcher/pool.js' {
  import { Pool } from 'undici';
  export = Pool;
}

declare module 'undici/lib/dispatcher/proxy-agent.js' {
  import { ProxyAgent } from 'undici';
  export = ProxyAgent;
}

declare module 'undici/lib/dispatcher/socks5-proxy-agent.js' {
  import { Socks5ProxyAgent } from 'undici';
  export = Socks5ProxyAgent;
}

/** The methods of dispatchers, which undici's index puts there. */
declare module 'undici/lib/api/index.js' {
  const methods: object;
  export = methods;
}

declare module 'undici/lib/dispatcher/dispatcher.js' {
  import { Dispatcher } from 'undici';
  export = Dispatcher;
}
