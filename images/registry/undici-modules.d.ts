/** What undici's own types do not name: files of its package, each with one export. */
declare module 'undici/lib/dispatcher/agent.js' {
  import type { Agent } from 'undici';

  const part: typeof Agent;
  export = part;
}
declare module 'undici/lib/dispatcher/pool.js' {
  import type { Pool } from 'undici';

  const part: typeof Pool;
  export = part;
}
declare module 'undici/lib/dispatcher/proxy-agent.js' {
  import type { ProxyAgent } from 'undici';

  const part: typeof ProxyAgent;
  export = part;
}
declare module 'undici/lib/dispatcher/dispatcher.js' {
  import type { Dispatcher } from 'undici';

  const part: typeof Dispatcher;
  export = part;
}
declare module 'undici/lib/api/index.js' {
  import type { Dispatcher } from 'undici';

  const methods: Pick<Dispatcher, 'request'>;
  export = methods;
}
