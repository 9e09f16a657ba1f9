import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../test/registries/free-port.ts';
import { startChild } from './child.ts';

/** The certificate of registries that speak TLS, for 127.0.0.1; `ca.pem` beside it vouches for it. */
const certificates = join(import.meta.dirname, '../test/registries/certificates');

/** PEM file to trust. */
export const authority: string = join(certificates, 'ca.pem');

/** A running distribution registry on loopback; anyone may push. */
export interface Distribution {
  readonly host: string;
  readonly pid: number;
  /** Ends it and removes all it stored. */
  stop(): Promise<void>;
}

const certificate = { certificate: join(certificates, 'server.pem'), key: join(certificates, 'server-key.pem') };

/** Starts an empty registry whose blobs lie below `storage`. */
export async function startDistribution(
  binary: string,
  storage: string,
  options: { readonly tls: boolean; readonly logFile: string; readonly signal: AbortSignal },
): Promise<Distribution> {
  await mkdir(storage, { recursive: true });
  const root = await mkdtemp(join(storage, 'registry-'));
  const host = `127.0.0.1:${await freePort()}`;
  const config = {
    version: 0.1,
    log: { level: 'error', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: root } },
    http: { addr: host, ...(options.tls ? { tls: certificate } : {}) },
  };
  await writeFile(join(root, 'config.json'), JSON.stringify(config)); // JSON is YAML
  // Without the variable it looks for a collector of traces.
  const env = { HOME: root, OTEL_TRACES_EXPORTER: 'none' };
  const child = await startChild([binary, 'serve', join(root, 'config.json')], { ...options, cwd: root, env });
  const stop = async () => {
    await child.stop();
    await rm(root, { recursive: true, force: true });
  };
  try {
    await answering(host, options.signal);
  } catch (error) {
    await stop();
    throw error;
  }
  return { host, pid: child.pid, stop };
}

async function answering(host: string, signal: AbortSignal): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    signal.throwIfAborted();
    if (await accepts(host)) return;
    await sleep(50, undefined, { signal });
  }
  throw new Error('the registry does not answer');
}

async function accepts(host: string): Promise<boolean> {
  const [address = '', port] = host.split(':');
  return new Promise((resolve) => {
    const socket = connect(Number(port), address, () => end(true));
    const end = (accepted: boolean) => {
      socket.destroy();
      resolve(accepted);
    };
    socket.once('error', () => end(false));
  });
}
