import type { HeldDocument } from '../../images/descriptor.ts';
import { ociIndexType, ociManifestType } from '../../images/media-types.ts';
import { held, heldJson, noise, type SampleImage } from './sample-images.ts';

/** Types of what cosign, notation and others attach. */
export const attachedTypes = {
  bundle: 'application/vnd.dev.sigstore.bundle.v0.3+json',
  notation: 'application/vnd.cncf.notary.signature',
  sbom: 'application/spdx+json',
} as const;

/** An OCI 1.1 artifact that refers to `subject`: what cosign 3, notation and oras push. The same arguments give the same bytes. */
export function sampleReferrer(
  subject: HeldDocument,
  artifactType: string,
  annotations: Record<string, string> = {},
): SampleImage {
  const config = held('application/vnd.oci.empty.v1+json', Buffer.from('{}'));
  const blob = held(artifactType, noise(`${subject.descriptor.digest} ${artifactType}`, 700));
  const { mediaType, digest, size } = subject.descriptor;
  const root = heldJson(ociManifestType, {
    schemaVersion: 2,
    mediaType: ociManifestType,
    artifactType,
    config: config.descriptor,
    layers: [blob.descriptor],
    subject: { mediaType, digest, size },
    annotations,
  });
  return { root, manifests: [root], blobs: [config, blob] };
}

/** What cosign 2 pushes under `sha256-<hex>.sig`: an image manifest that does not name its subject. */
export function sampleSignature(subject: HeldDocument): SampleImage {
  const config = heldJson('application/vnd.oci.image.config.v1+json', {
    architecture: '',
    os: '',
    rootfs: { type: 'layers', diff_ids: [] },
  });
  const payload = heldJson('application/vnd.dev.cosign.simplesigning.v1+json', { critical: subject.descriptor.digest });
  const layers = [{ ...payload.descriptor, annotations: { 'dev.cosignproject.cosign/signature': 'c2ln' } }];
  const root = heldJson(ociManifestType, { schemaVersion: 2, mediaType: ociManifestType, config: config.descriptor, layers });
  return { root, manifests: [root], blobs: [config, payload] };
}

/** The index under `sha256-<hex>`, as clients keep it that leave types and annotations out. */
export function fallbackIndex(referrers: readonly HeldDocument[]): SampleImage {
  const manifests = referrers.map(({ descriptor: { mediaType, digest, size } }) => ({ mediaType, digest, size }));
  const root = heldJson(ociIndexType, { schemaVersion: 2, mediaType: ociIndexType, manifests });
  return { root, manifests: [root], blobs: [] };
}

export function cosignTag({ descriptor }: HeldDocument, suffix = '.sig'): string {
  return `${descriptor.digest.replace(':', '-')}${suffix}`;
}
