/**
 * What we use of undici, from the files that its index takes it from. The index itself loads fetch, WebSocket, caches and mocks too, which
 * costs every start 13 MB and 40 ms of CPU.
 */
import methods from 'undici/lib/api/index.js';
import Agent from 'undici/lib/dispatcher/agent.js';
import Dispatcher from 'undici/lib/dispatcher/dispatcher.js';
import Pool from 'undici/lib/dispatcher/pool.js';
import ProxyAgent from 'undici/lib/dispatcher/proxy-agent.js';

// As the index does.
Object.assign(Dispatcher.prototype, methods);

export { Agent, Pool, ProxyAgent };
