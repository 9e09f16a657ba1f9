import { request } from 'node:http';
import type { Socket } from 'node:net';
import { connect, type PeerCertificate } from 'node:tls';
import { proxyOf } from './proxy.ts';

const patienceMs = 5000;

/**
 * Whatever certificate the server at `url` shows, through the proxy if there is one; nothing is sent to it and nothing decided by it.
 * `undefined` when it does not speak TLS, or not within 5 seconds.
 */
export async function certificateOf(url: URL): Promise<PeerCertificate | undefined> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = Number(url.port || (url.protocol === 'http:' ? 80 : 443));
  const proxy = proxyOf(url);
  if (proxy !== undefined && proxy.protocol !== 'http:') return undefined;
  const tunnel = proxy === undefined ? undefined : await tunnelTo(`${url.hostname}:${port}`, proxy);
  if (proxy !== undefined && tunnel === undefined) return undefined;
  const servername = /^[\d.]+$|:/.test(host) ? '' : host;
  return new Promise((resolve) => {
    const way = tunnel === undefined ? { host, port } : { socket: tunnel };
    // It only finds out whose certificate was refused.
    const socket = connect({ ...way, servername, rejectUnauthorized: false, timeout: patienceMs });
    const end = (certificate?: PeerCertificate) => {
      socket.destroy();
      resolve(certificate);
    };
    socket.once('secureConnect', () => end(socket.getPeerCertificate()));
    for (const event of ['error', 'timeout', 'close']) socket.once(event, () => end());
  });
}

function tunnelTo(path: string, proxy: URL): Promise<Socket | undefined> {
  const login = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  const headers = proxy.username === '' ? {} : { 'proxy-authorization': `Basic ${Buffer.from(login).toString('base64')}` };
  const { hostname, port } = proxy;
  return new Promise((resolve) => {
    const asking = request({
      host: hostname,
      port: port || 80,
      method: 'CONNECT',
      path,
      headers,
      timeout: patienceMs,
      agent: false,
    });
    asking.once('connect', (answer, socket: Socket) => {
      if (answer.statusCode === 200) return resolve(socket);
      socket.destroy();
      resolve(undefined);
    });
    asking.once('timeout', () => asking.destroy());
    for (const event of ['error', 'close']) asking.once(event, () => resolve(undefined));
    asking.end();
  });
}
