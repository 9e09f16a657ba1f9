import { BundleError } from '../../bundle-spec/bundle-error.ts';
import type { BlobSink } from '../blob-source.ts';
import type { Registry } from './registry.ts';

/** A registry that may be asked for a repository, and what it is called there. */
export interface RegistryPlace {
  readonly registry: Registry;
  readonly repository: string;
  readonly resolves: boolean;
  readonly pulls: boolean;
}

/** What a user is told of mirrors. */
export interface MirrorEvent {
  readonly type: 'used' | 'passed-over';
  readonly mirror: string;
  /** Why it was passed over. */
  readonly reason?: string;
}

/**
 * One repository at several places, asked in turn: what one lacks or cannot give is asked of the next, and the error of the last is
 * thrown. Bytes are proven by their digest wherever they come from; what a tag names is believed of the first that says it. A place
 * that cannot be reached is not asked again. For pulls: what writes goes to the last place.
 */
export function mirroredRegistry(
  host: string,
  places: readonly [RegistryPlace, ...RegistryPlace[]],
  { down, onEvent }: { readonly down: Set<Registry>; readonly onEvent: (event: MirrorEvent) => void },
): Registry {
  const last = places.at(-1) ?? places[0];
  const inTurn = async <T>(wanted: readonly RegistryPlace[], ask: (place: RegistryPlace) => Promise<T>): Promise<T> => {
    for (const place of wanted.filter(({ registry }) => !down.has(registry) && registry !== last.registry)) {
      try {
        const found = await ask(place);
        onEvent({ type: 'used', mirror: place.registry.host });
        return found;
      } catch (error) {
        if (!(error instanceof BundleError) || error instanceof Spoilt) throw error;
        if (error.code === 'REGISTRY_UNREACHABLE' || error.code === 'REGISTRY_UNTRUSTED') down.add(place.registry);
        onEvent({ type: 'passed-over', mirror: place.registry.host, reason: error.message });
      }
    }
    return await ask(last);
  };
  const by = (reference: string) => places.filter((place) => (reference.includes(':') ? place.pulls : place.resolves));
  const pulling = places.filter(({ pulls }) => pulls);
  return {
    ...last.registry,
    host,
    fetchManifest: (_, reference, options) =>
      inTurn(by(reference), ({ registry, repository }) => registry.fetchManifest(repository, reference, options)),
    headManifest: (_, reference, options) =>
      inTurn(by(reference), async ({ registry, repository }) => {
        const found = await registry.headManifest(repository, reference, options);
        if (typeof found !== 'string' || registry === last.registry) return found;
        throw new BundleError('REGISTRY_NOT_FOUND', `${registry.host} has no ${repository}:${reference}`);
      }),
    fetchBlob: (_, descriptor, options) =>
      inTurn(pulling, ({ registry, repository }) => registry.fetchBlob(repository, descriptor, options)),
    pullBlob: (_, descriptor, sink, options) =>
      inTurn(pulling, async ({ registry, repository }) => {
        const watched = watch(sink);
        await registry.pullBlob(repository, descriptor, watched.sink, options).catch((error: unknown) => {
          throw watched.begun() && error instanceof BundleError ? new Spoilt(error) : error;
        });
      }),
    fetchReferrers: (_, digest, options) =>
      inTurn(pulling, ({ registry, repository }) => registry.fetchReferrers(repository, digest, options)),
    listTags: (_, options) => last.registry.listTags(last.repository, options),
    hasBlob: (_, digest, options) => last.registry.hasBlob(last.repository, digest, options),
    close: async () => {
      await Promise.all(places.map(({ registry }) => registry.close()));
    },
  };
}

/** A function has been given bytes, in order: it cannot be given them again from another place. */
class Spoilt extends BundleError {
  constructor(error: BundleError) {
    super(error.code, error.message, { ...(error.hint === undefined ? {} : { hint: error.hint }), cause: error });
  }
}

function watch(sink: BlobSink): { readonly sink: BlobSink; begun(): boolean } {
  if (!('write' in sink)) return { sink, begun: () => false };
  let begun = false;
  const write: typeof sink.write = (chunk, position) => {
    begun = true;
    return sink.write(chunk, position);
  };
  return { sink: { write }, begun: () => begun };
}
