import type { Bundle, ImageSource } from '../bundle-spec/bundle.ts';
import { BundleError } from '../bundle-spec/bundle-error.ts';
import type { Located } from '../images/plan/image-plan.ts';
import type { Reference } from '../images/reference.ts';
import { certificatesOfMachine, joinCertificates } from '../images/registry/certs-directory.ts';
import { userCredentials } from '../images/registry/credentials.ts';
import type { MirrorPlace } from '../images/registry/mirror-config.ts';
import { type MirrorEvent, mirroredRegistry, type RegistryPlace } from '../images/registry/mirrored-registry.ts';
import { openRegistry, type Registry } from '../images/registry/registry.ts';
import type { RegistryAccess } from '../images/registry/registry-access.ts';
import type { ClientOptions } from '../images/registry/registry-client.ts';
import { describeWait, HostGates } from '../images/registry/retry-gate.ts';
import type { Transfers } from '../images/transfer/transfers.ts';
import { sourceAccess } from './source-access.ts';
import { filesOfPlace, type PlacesOf, readMirrors } from './spec-mirrors.ts';

/** The registries that a spec pulls from. */
export interface SpecRegistries {
  /** Where the bytes of a reference are: at its own host, or at mirrors that the spec names. Throws SPEC_INVALID for their files. */
  locate(reference: Reference): Located;
  /** Ends all connections. */
  close(): Promise<void>;
}

interface OpenOptions {
  /** What paths of the spec are relative to. */
  readonly folder: string;
  readonly transfers?: Transfers;
  /** Told a line at a time: which mirrors are used or passed over, which registries want us to wait, what they warn of. */
  readonly say?: (line: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Opens the registries that the spec describes; others are opened when a reference needs them, over https and with what the user's
 * config files know. Their blobs are pulled by `transfers`. Nothing is asked of the network yet. Throws FILE_UNREADABLE.
 */
export async function openSpecRegistries(sources: Bundle['sources'], options: OpenOptions): Promise<SpecRegistries> {
  const { say = () => undefined, transfers } = options;
  const gates = new HostGates({ onWait: (wait) => say(describeWait(wait)) });
  const client: ClientOptions = {
    gates,
    onWarning: (host, text) => say(`${host} warns: ${text}`),
    ...(transfers === undefined ? {} : { transfers }),
  };
  const described = new Map<string, { readonly source: ImageSource; readonly access: RegistryAccess; readonly path: string }>();
  for (const source of sources.images) {
    const [host = '', ...path] = (source.mirror ?? source.host).split('/');
    const access = await sourceAccess(host, source, options);
    described.set(source.host, { source, access, path: path.map((part) => `${part}/`).join('') });
  }
  const opened = new OpenRegistries(client, (host) => described.get(host)?.access ?? undescribed(host));
  const placesOf = sources.mirrors === undefined ? undefined : await readMirrors(sources.mirrors, options);
  const mirrors = placesOf === undefined ? undefined : new Mirrors(placesOf, opened, new Set(described.keys()), say);
  return {
    locate({ host, repository }) {
      const known = described.get(host);
      const mirrored = known?.source.mirror === undefined ? mirrors?.locate(host, repository) : undefined;
      return mirrored ?? { registry: opened.at(host), repository: `${known?.path ?? ''}${repository}` };
    },
    close: () => opened.close(),
  };
}

/** Clients by the way that a registry is reached, each opened once. */
class OpenRegistries {
  readonly #client: ClientOptions;
  readonly #accessTo: (host: string) => RegistryAccess;
  readonly #opened = new Map<string, Registry>();

  constructor(client: ClientOptions, accessTo: (host: string) => RegistryAccess) {
    this.#client = client;
    this.#accessTo = accessTo;
  }

  at(host: string, place?: MirrorPlace): Registry {
    const key = JSON.stringify([host, place?.basePath, place?.namespace, place?.plainHttp, place?.ca, place?.client]);
    const registry = this.#opened.get(key) ?? openRegistry(this.#access(host, place), this.#client);
    this.#opened.set(key, registry);
    return registry;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#opened.values()].map((registry) => registry.close()));
  }

  #access(host: string, place: MirrorPlace | undefined): RegistryAccess {
    const access = this.#accessTo(host);
    if (place === undefined) return access;
    const { ca, ...pair } = filesOfPlace(place);
    const { basePath, namespace } = place;
    return {
      ...access,
      plainHttp: place.plainHttp || access.plainHttp,
      ...joinCertificates(access.ca, ca),
      ...pair,
      ...(basePath === undefined ? {} : { basePath }),
      ...(namespace === undefined ? {} : { namespace }),
    };
  }
}

/** Repositories at the places that the files of `sources.mirrors` name. What is taken from where is said once. */
class Mirrors {
  readonly #placesOf: PlacesOf;
  readonly #opened: OpenRegistries;
  readonly #described: ReadonlySet<string>;
  readonly #say: (line: string) => void;
  readonly #down = new Set<Registry>();
  readonly #said = new Set<string>();

  constructor(placesOf: PlacesOf, opened: OpenRegistries, described: ReadonlySet<string>, say: (line: string) => void) {
    this.#placesOf = placesOf;
    this.#opened = opened;
    this.#described = described;
    this.#say = say;
  }

  locate(host: string, repository: string): Located | undefined {
    const places = this.#placesOf({ host, repository }).map((place) => this.#open(place));
    const [first, ...others] = places;
    if (first === undefined) return undefined;
    const onEvent = (event: MirrorEvent) => this.#tell(host, event);
    return { registry: mirroredRegistry(host, [first, ...others], { down: this.#down, onEvent }), repository };
  }

  #open(place: MirrorPlace): RegistryPlace {
    const { host, repository, resolves, pulls } = place;
    if (place.insecure && !this.#described.has(host)) throw insecure(host);
    return { registry: this.#opened.at(host, place), repository, resolves, pulls };
  }

  #tell(host: string, { type, mirror, reason }: MirrorEvent): void {
    const key = `${type} ${host} ${mirror}`;
    if (this.#said.has(key)) return;
    this.#said.add(key);
    this.#say(
      type === 'used' ? `${host}: pulling from its mirror ${mirror}` : `${host}: not from its mirror ${mirror}: ${reason}`,
    );
  }
}

function insecure(host: string): BundleError {
  return new BundleError('SPEC_INVALID', `a file of sources.mirrors wants ${host} to be believed without a valid certificate`, {
    hint: `name ${host} in sources.images, with its ca or with plainHttp: true; see docs/registries.md#mirrors`,
  });
}

function undescribed(host: string): RegistryAccess {
  return { host, plainHttp: false, ...certificatesOfMachine(host), credentials: userCredentials(host) };
}
