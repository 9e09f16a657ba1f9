import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Bundle } from '../bundle-spec/bundle.ts';
import { BundleError } from '../bundle-spec/bundle-error.ts';
import { type MirrorPlace, placesOfHostsToml, placesOfRegistriesConf } from '../images/registry/mirror-config.ts';

type MirrorSources = NonNullable<Bundle['sources']['mirrors']>;

/** The places of a repository in the order of asking, by the files of `sources.mirrors`; paths in them are absolute. */
export type PlacesOf = (asked: { readonly host: string; readonly repository: string }) => readonly MirrorPlace[];

/**
 * Reads the files that `sources.mirrors` names, relative to `folder`. Nothing of the machine is read that the spec does not name: where
 * bytes come from is the spec's to say. Throws FILE_UNREADABLE.
 */
export async function readMirrors(
  sources: MirrorSources,
  { folder, say, signal }: { readonly folder: string; readonly say?: (line: string) => void; readonly signal: AbortSignal },
): Promise<PlacesOf> {
  if ('registriesConf' in sources) {
    const file = resolve(folder, sources.registriesConf);
    const text = await read(file, signal);
    const unread = (await readdir(`${file}.d`).catch(() => [])).filter((name) => name.endsWith('.conf')).sort();
    if (unread.length > 0) say?.(`${file}.d is not read: ${unread.join(', ')} (only what sources.mirrors names is)`);
    return (asked) => placesOfRegistriesConf(text, file, asked);
  }
  const directory = resolve(folder, sources.hosts);
  const files = await hostsFiles(directory, signal);
  return (asked) => {
    const file = directoriesOf(asked.host).find((name) => files.has(name));
    if (file === undefined) return [];
    const path = join(directory, file, 'hosts.toml');
    return placesOfHostsToml(files.get(file) ?? '', path, asked).map((place) => absolute(place, dirname(path)));
  };
}

/** The texts of a place's files, as RegistryAccess has them. Read at once: places are opened when an image needs them. */
export function filesOfPlace({ ca, client }: MirrorPlace): { ca?: string; cert?: string; key?: string } {
  return {
    ...(ca.length === 0 ? {} : { ca: ca.map(readNow).join('\n') }),
    ...(client === undefined ? {} : { cert: readNow(client.cert), key: readNow(client.key) }),
  };
}

/** containerd looks for `host:port`, then for `host_port_`, then for what is for all. */
function directoriesOf(host: string): string[] {
  const port = /:(\d+)$/.exec(host);
  return [host, ...(port === null ? [] : [`${host.slice(0, port.index)}_${port[1]}_`]), '_default'];
}

async function hostsFiles(directory: string, signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
  const names = await readdir(directory).catch((cause) => {
    throw new BundleError('FILE_UNREADABLE', `${directory}, which sources.mirrors.hosts names, cannot be read`, { cause });
  });
  const files = new Map<string, string>();
  for (const name of names) {
    const text = await readFile(join(directory, name, 'hosts.toml'), { encoding: 'utf8', signal }).catch(() => undefined);
    signal.throwIfAborted();
    if (text !== undefined) files.set(name, text);
  }
  return files;
}

function absolute(place: MirrorPlace, folder: string): MirrorPlace {
  const { ca, client } = place;
  const pair = client === undefined ? {} : { client: { cert: resolve(folder, client.cert), key: resolve(folder, client.key) } };
  return { ...place, ca: ca.map((file) => resolve(folder, file)), ...pair };
}

async function read(file: string, signal: AbortSignal): Promise<string> {
  try {
    return await readFile(file, { encoding: 'utf8', signal });
  } catch (cause) {
    signal.throwIfAborted();
    throw new BundleError('FILE_UNREADABLE', `${file}, which sources.mirrors names, cannot be read`, { cause });
  }
}

function readNow(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new BundleError('FILE_UNREADABLE', `${file}, which a file of sources.mirrors names, cannot be read`, { cause });
  }
}
