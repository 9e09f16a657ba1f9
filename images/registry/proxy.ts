import { BlockList, isIP } from 'node:net';
import { BundleError } from '../../bundle-spec/bundle-error.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The proxy that a request to `url` goes through, as `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` say (lower case before upper case, as
 * curl reads them; the protocol of `url` decides which). `undefined`: none. Loopback is never asked through a proxy. The URL may hold a
 * password: show its `host` alone. Throws REGISTRY_UNREACHABLE for a proxy that is no URL.
 */
export function proxyOf(url: URL, env: Environment = process.env): URL | undefined {
  const names = url.protocol === 'https:' ? ['https_proxy', 'HTTPS_PROXY'] : ['http_proxy', 'HTTP_PROXY'];
  const name = names.find((candidate) => env[candidate] !== undefined);
  const text = name === undefined ? '' : (env[name] ?? '').trim();
  if (text === '' || isLoopback(url) || isExcepted(url, env.no_proxy ?? env.NO_PROXY ?? '')) return undefined;
  const proxy = URL.parse(text.includes('://') ? text : `http://${text}`);
  if (proxy !== null && proxy.hostname !== '' && ['http:', 'https:', 'socks5:'].includes(proxy.protocol)) return proxy;
  throw new BundleError(
    'REGISTRY_UNREACHABLE',
    `${url.host} is to be reached through the proxy of ${name}, which is no proxy's URL`,
    {
      hint: `set it to http://host:port, or add ${url.hostname} to NO_PROXY`,
    },
  );
}

/** True when requests to `url` take a proxy, by the variables of this process. */
export function isProxied(url: URL): boolean {
  return proxyOf(url) !== undefined;
}

// One list that curl and Go would both understand: "*", names (and those below them), ".suffix", "*.suffix", addresses, CIDR ranges,
// each with or without a port.
function isExcepted(url: URL, noProxy: string): boolean {
  const entries = noProxy.split(/[\s,]+/).filter((entry) => entry !== '');
  return entries.some((entry) =>
    matches(entry.toLowerCase(), nameOf(url), url.port || (url.protocol === 'https:' ? '443' : '80')),
  );
}

function matches(entry: string, name: string, port: string): boolean {
  const [, bracketed, plain, wanted] = /^(?:\[(.+)\]|([^:]*|.*:.*:.*?))(?::(\d+))?$/.exec(entry) ?? [];
  const pattern = bracketed ?? plain ?? entry;
  if (wanted !== undefined && wanted !== port) return false;
  if (pattern === '*') return true;
  if (pattern.includes('/')) return isInRange(pattern, name);
  if (isIP(pattern) !== 0 || isIP(name) !== 0) return pattern === name;
  const suffix = pattern.replace(/^\*?\./, '').replace(/\.$/, '');
  if (suffix === '') return false;
  return name.endsWith(`.${suffix}`) || (name === suffix && !pattern.startsWith('*.'));
}

function isInRange(range: string, name: string): boolean {
  const [net = '', bits = ''] = range.split('/');
  const [family, wanted] = [isIP(name), isIP(net)];
  if (family === 0 || family !== wanted || !/^\d{1,3}$/.test(bits) || Number(bits) > (family === 6 ? 128 : 32)) return false;
  const list = new BlockList();
  list.addSubnet(net, Number(bits), family === 6 ? 'ipv6' : 'ipv4');
  return list.check(name, family === 6 ? 'ipv6' : 'ipv4');
}

function isLoopback(url: URL): boolean {
  const name = nameOf(url);
  return name === 'localhost' || name.endsWith('.localhost') || name === '::1' || /^127\.\d+\.\d+\.\d+$/.test(name);
}

function nameOf({ hostname }: URL): string {
  return hostname
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '')
    .toLowerCase();
}
