import type { ImageSource } from '../bundle-spec/bundle.ts';
import { certificatesOfMachine } from '../images/certs-directory.ts';
import { userCredentials } from '../images/credentials.ts';
import type { Located } from '../images/image-plan.ts';
import type { Reference } from '../images/reference.ts';
import { openRegistry, type Registry } from '../images/registry.ts';
import type { ClientOptions } from '../images/registry-client.ts';
import type { Transfers } from '../images/transfer/transfers.ts';
import { sourceAccess } from './source-access.ts';

/** The registries that a spec pulls from. */
export interface SpecRegistries {
  /** Where the bytes of a reference are: at its own host, or at the mirror that `sources.images` names. */
  locate(reference: Reference): Located;
  /** Ends all connections. */
  close(): Promise<void>;
}

/**
 * Opens the registries that `sources.images` describes; others are opened when a reference needs them, over https and with what the
 * user's config files know. Their blobs are pulled by `transfers`. Nothing is asked of the network yet. Throws FILE_UNREADABLE for a CA file.
 */
export async function openSpecRegistries(
  sources: readonly ImageSource[],
  options: { readonly folder: string; readonly transfers?: Transfers; readonly signal: AbortSignal },
): Promise<SpecRegistries> {
  const clientOptions = options.transfers === undefined ? {} : { transfers: options.transfers };
  const opened = new Map<string, { readonly registry: Registry; readonly path: string }>();
  for (const source of sources) {
    const [host = '', ...path] = (source.mirror ?? source.host).split('/');
    const registry = openRegistry(await sourceAccess(host, source, options), clientOptions);
    opened.set(source.host, { registry, path: path.map((part) => `${part}/`).join('') });
  }
  return {
    locate({ host, repository }) {
      const known = opened.get(host) ?? { registry: openUndescribed(host, clientOptions), path: '' };
      opened.set(host, known);
      return { registry: known.registry, repository: `${known.path}${repository}` };
    },
    async close() {
      await Promise.all([...opened.values()].map(({ registry }) => registry.close()));
    },
  };
}

function openUndescribed(host: string, options: ClientOptions): Registry {
  return openRegistry({ host, plainHttp: false, ...certificatesOfMachine(host), credentials: userCredentials(host) }, options);
}
