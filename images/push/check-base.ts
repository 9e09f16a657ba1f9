import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import type { Digest } from '../../bundle-spec/names.ts';
import type { BundleFile } from '../bundle/bundle-reader.ts';
import type { Descriptor } from '../descriptor.ts';
import { eachLimited } from '../each-limited.ts';
import { localReference, parseReference, type Target } from '../reference.ts';
import type { BlobBody } from '../registry/blob-body.ts';
import type { Registry } from '../registry/registry.ts';
import type { Holders } from './push-blobs.ts';
import type { PushItem } from './push-plan.ts';

interface Wanted {
  readonly descriptor: Descriptor;
  readonly repositories: Set<string>;
  readonly names: Set<string>;
}

/**
 * Looks at the target for every blob that a delta leaves out and that `items` need: where `holders` knows no repository, the one of the
 * base's image is asked, then those that need it. Gives `holders` with what was found. Nothing is sent. Throws BASE_MISSING with all
 * images that lack blobs, and which bundle to bring.
 */
export async function findAbsentBlobs(
  bundle: BundleFile,
  registry: Registry,
  items: readonly PushItem[],
  known: { readonly holders: Holders; readonly target: Target },
  options: { readonly signal: AbortSignal; readonly concurrency: number },
): Promise<Holders> {
  if (bundle.absent.size === 0) return known.holders;
  const found = new Map(known.holders);
  const missing: Wanted[] = [];
  const look = async (wanted: Wanted, { signal }: { readonly signal: AbortSignal }): Promise<void> => {
    const { digest } = wanted.descriptor;
    for (const repository of candidates(bundle, wanted, known.target)) {
      if (!(await registry.hasBlob(repository, digest, { signal }))) continue;
      found.set(digest, new Set([repository]));
      return;
    }
    missing.push(wanted);
  };
  const unknown = wantedBlobs(bundle, items).filter(({ descriptor }) => !known.holders.has(descriptor.digest));
  await eachLimited(unknown, options.concurrency, look, options);
  if (missing.length > 0) throw baseMissing(bundle, registry.host, missing);
  return found;
}

/** A blob that the target has and the bundle has not, for a registry that cannot mount it: it goes through here, from one repository to the other. */
export function remoteBody(registry: Registry, repository: string, descriptor: Descriptor): BlobBody {
  return {
    async *open(from, size, { signal }) {
      const stop = new AbortController();
      const pass = new PassThrough({ highWaterMark: 1 << 20 });
      const write = async (chunk: Buffer, position: number): Promise<void> => {
        const wanted = chunk.subarray(Math.max(0, from - position), Math.max(0, from + size - position));
        if (wanted.length > 0 && !pass.write(Buffer.from(wanted))) await once(pass, 'drain', { signal: stop.signal });
      };
      const pulling = registry
        .pullBlob(repository, descriptor, { write }, { signal: AbortSignal.any([signal, stop.signal]) })
        .then(() => pass.end())
        .catch((error: Error) => pass.destroy(error));
      try {
        for await (const chunk of pass) yield chunk as Buffer;
      } finally {
        stop.abort();
        await pulling;
      }
    },
    prove: async ({ signal }) => {
      await registry.pullBlob(repository, descriptor, { write: async () => undefined }, { signal });
    },
  };
}

function wantedBlobs(bundle: BundleFile, items: readonly PushItem[]): Wanted[] {
  const wanted = new Map<Digest, Wanted>();
  for (const { blobs, local, name } of items) {
    for (const descriptor of blobs.filter(({ digest }) => bundle.absent.has(digest))) {
      const blob = wanted.get(descriptor.digest) ?? { descriptor, repositories: new Set(), names: new Set() };
      blob.repositories.add(local.repository);
      blob.names.add(name);
      wanted.set(descriptor.digest, blob);
    }
  }
  return [...wanted.values()];
}

function candidates(bundle: BundleFile, { descriptor, repositories }: Wanted, target: Target): ReadonlySet<string> {
  const holder = bundle.absent.get(descriptor.digest)?.holder;
  const likeliest = holder === undefined ? [] : [localReference(parseReference(holder), target).repository];
  return new Set([...likeliest, ...repositories]);
}

/** Images told by name; of more, how many. */
const mostNamed = 20;

function baseMissing({ json }: BundleFile, host: string, missing: readonly Wanted[]): BundleError {
  const images = new Map<string, { count: number; bytes: number }>();
  for (const { descriptor, names } of missing) {
    for (const name of names) {
      const { count, bytes } = images.get(name) ?? { count: 0, bytes: 0 };
      images.set(name, { count: count + 1, bytes: bytes + descriptor.size });
    }
  }
  const told = [...images].sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, mostNamed);
  const lines = told.map(
    ([name, { count, bytes }]) => `${name} lacks ${count} ${count === 1 ? 'blob' : 'blobs'} (${bytes} bytes)`,
  );
  if (images.size > told.length) lines.push(`and ${images.size - told.length} more images`);
  const base = json.base === undefined ? 'its base' : `${json.base.name} ${json.base.version}`;
  const what = `${json.metadata.name} ${json.metadata.version} is a delta, and ${host} does not have what it leaves out`;
  return new BundleError('BASE_MISSING', [`${what}:`, ...lines].join('\n  '), {
    hint: `nothing was sent; push ${base} first, or bring a whole bundle: diolkos merge makes one of ${base} and this one`,
  });
}
