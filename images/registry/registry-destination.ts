import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { BundleError } from '../../bundle-spec/bundle-error.ts';

const linkLocal = new BlockList();
linkLocal.addSubnet('169.254.0.0', 16, 'ipv4');
linkLocal.addSubnet('fe80::', 10, 'ipv6');

const inner = new BlockList();
for (const [net, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10], // of providers, for many customers (RFC 6598)
  ['127.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const) {
  inner.addSubnet(net, prefix, 'ipv4');
}
inner.addAddress('::', 'ipv6');
inner.addAddress('::1', 'ipv6');
inner.addSubnet('fc00::', 7, 'ipv6');

/**
 * Guards the places a registry sends us to: redirects, upload locations, token servers. Throws REGISTRY_FAILED for what leaves https
 * for http, is no http at all, or is an address inside our network that a host outside has no business to name.
 */
export async function checkDestination(host: string, from: URL, to: URL, what: string): Promise<void> {
  const refused = (reason: string) =>
    new BundleError('REGISTRY_FAILED', `${host} names ${to.origin} as ${what}, which ${reason}`);
  if (to.protocol !== 'https:' && to.protocol !== 'http:') throw refused('is not http');
  if (from.protocol === 'https:' && to.protocol === 'http:') throw refused('would leave https for http');
  if (to.hostname === from.hostname) return;
  if (isIn(linkLocal, addressOf(to))) throw refused('is a link-local address');
  if (isInner(addressOf(to)) && !(await isInside(from))) throw refused('is an address of the network we are in');
}

/**
 * Where an upload goes on: `location` as the registry gave it, resolved against the URL that answered. Registries behind a proxy
 * name themselves by http, or without their port; then the scheme and port by which we reached them hold (distribution#970).
 */
export async function uploadLocation(host: string, from: URL, location: string): Promise<URL> {
  const to = parseLocation(host, from, location);
  const sameName = to.hostname === from.hostname;
  if (sameName && (to.port === '' || (from.protocol === 'https:' && to.protocol === 'http:'))) {
    to.protocol = from.protocol;
    to.port = from.port;
  }
  await checkDestination(host, from, to, 'the place for an upload');
  return to;
}

export function parseLocation(host: string, from: URL, location: string): URL {
  const to = URL.parse(location, from.href);
  if (to === null) throw new BundleError('REGISTRY_FAILED', `${host} answered with a Location that is no URL`);
  return to;
}

/** A registry behind the gap has a name, and the address of that name is of our network: then it may name others there. */
async function isInside(url: URL): Promise<boolean> {
  const found = await lookup(addressOf(url)).catch(() => undefined);
  return found !== undefined && isInner(found.address);
}

function isInner(address: string): boolean {
  return /(^|\.)localhost\.?$/i.test(address) || isIn(inner, address);
}

function addressOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '');
}

function isIn(list: BlockList, address: string): boolean {
  const family = isIP(address);
  return family !== 0 && list.check(address, family === 6 ? 'ipv6' : 'ipv4');
}
