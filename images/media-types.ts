/** Media types of manifests (image-spec media-types.md, and Docker's from before it), as sent in `Accept`. */
export const ociManifestType = 'application/vnd.oci.image.manifest.v1+json';
export const ociIndexType = 'application/vnd.oci.image.index.v1+json';
export const dockerManifestType = 'application/vnd.docker.distribution.manifest.v2+json';
export const dockerListType = 'application/vnd.docker.distribution.manifest.list.v2+json';

export const manifestTypes: readonly string[] = [ociManifestType, dockerManifestType];
export const indexTypes: readonly string[] = [ociIndexType, dockerListType];

/** Configs that say which platform an image is for. */
export const imageConfigTypes: readonly string[] = [
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
];

/** Manifests of Docker's first schema: their digest is not of their bytes, and registries drop them. */
export const isSchema1 = (mediaType: string): boolean =>
  /^application\/vnd\.docker\.distribution\.manifest\.v1\+/.test(mediaType);
