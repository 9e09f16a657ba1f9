import type { Digest } from '../../bundle-spec/names.ts';
import type { Descriptor } from '../descriptor.ts';
import type { BlobBody } from './blob-body.ts';
import type { Abortable, PushBlobOptions, RightWanted } from './registry.ts';
import { pullScope, pushScope, type RegistryClient } from './registry-client.ts';
import { discard } from './registry-transport.ts';
import type { Upload } from './upload-attempt.ts';
import { uploadBlob } from './upload-blob.ts';
import { beginUpload, cancelUpload, mountBlob } from './upload-session.ts';

export async function hasBlob(
  client: RegistryClient,
  repository: string,
  digest: Digest,
  { signal, right = 'pull' }: Abortable & RightWanted,
): Promise<boolean> {
  const answer = await client.send({
    method: 'HEAD',
    url: `/v2/${repository}/blobs/${digest}`,
    scopes: [right === 'push' ? pushScope(repository) : pullScope(repository)],
    signal,
  });
  await discard(answer);
  return answer.status === 200;
}

export async function pushBlob(
  client: RegistryClient,
  repository: string,
  descriptor: Descriptor,
  body: BlobBody,
  options: PushBlobOptions,
): Promise<'present' | 'mounted' | 'pushed'> {
  const { signal, mountFrom: from } = options;
  const isThere = () => hasBlob(client, repository, descriptor.digest, { signal, right: 'push' });
  if (await isThere()) return 'present';
  const upload: Upload = { client, repository, descriptor, body, options, isThere };
  const begun =
    from === undefined
      ? await beginUpload(upload, { signal })
      : await mountBlob(upload, { digest: descriptor.digest, from }, { signal });
  if (begun === 'mounted') return 'mounted';
  await uploadBlob(upload, begun);
  return 'pushed';
}

/** Begins an upload and cancels it. Throws REGISTRY_DENIED, REGISTRY_NOT_FOUND or REGISTRY_FAILED with what to do. */
export async function checkPush(client: RegistryClient, repository: string, { signal }: Abortable): Promise<void> {
  const session = await beginUpload({ client, repository }, { signal });
  await cancelUpload({ client, repository }, session, { signal });
}
