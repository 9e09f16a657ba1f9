import { createHash, randomUUID } from 'node:crypto';

export interface StoredManifest {
  readonly mediaType: string;
  readonly bytes: Buffer;
}

/** An upload under way. `step` changes with every request, so that each Location works once. */
export interface Upload {
  readonly chunks: Buffer[];
  step: number;
}

export interface Repository {
  readonly blobs: Set<string>;
  readonly manifests: Map<string, StoredManifest>;
  readonly tags: Map<string, string>;
  readonly uploads: Map<string, Upload>;
}

/** All that the memory registry holds. Blobs are kept once, and known to each repository that they were pushed or mounted to. */
export class MemoryStore {
  readonly blobs = new Map<string, Buffer>();
  readonly repositories = new Map<string, Repository>();
  /** How many referrers it lists a page; 0: it has no referrers API. */
  referrersPage = 0;
  /** Take an index whose children are not there. */
  sparse = false;

  repository(name: string): Repository {
    const known = this.repositories.get(name);
    if (known !== undefined) return known;
    const created: Repository = { blobs: new Set(), manifests: new Map(), tags: new Map(), uploads: new Map() };
    this.repositories.set(name, created);
    return created;
  }

  blob(name: string, digest: string): Buffer | undefined {
    return this.repositories.get(name)?.blobs.has(digest) ? this.blobs.get(digest) : undefined;
  }

  putBlob(name: string, bytes: Buffer): string {
    const digest = sha256(bytes);
    this.blobs.set(digest, bytes);
    this.repository(name).blobs.add(digest);
    return digest;
  }

  /** By tag or digest. */
  manifest(name: string, reference: string): (StoredManifest & { readonly digest: string }) | undefined {
    const repository = this.repositories.get(name);
    const digest = repository?.tags.get(reference) ?? reference;
    const found = repository?.manifests.get(digest);
    return found === undefined ? undefined : { ...found, digest };
  }

  putManifest(name: string, reference: string, manifest: StoredManifest): string {
    const digest = sha256(manifest.bytes);
    const repository = this.repository(name);
    repository.manifests.set(digest, manifest);
    if (!reference.includes(':')) repository.tags.set(reference, digest);
    return digest;
  }

  openUpload(name: string): string {
    const id = randomUUID();
    this.repository(name).uploads.set(id, { chunks: [], step: 0 });
    return id;
  }
}

export function sha256(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
