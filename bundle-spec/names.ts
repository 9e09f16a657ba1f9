import { z } from 'zod';

/** The `apiVersion` of every document of this project. */
export const apiVersion = 'diolkos.dev/v1';

/** A Kubernetes object name that is also a DNS label (RFC 1123): what releases, namespaces, Secrets and bundles are called. */
export const Name = z
  .string()
  .regex(
    /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/,
    'expected lower-case letters, digits and "-", at most 63 of them, such as "shop-api"',
  );

/** A Helm release name: a DNS label of at most 53 characters (Helm's own limit, so that suffixes still fit). */
export const ReleaseName = Name.max(53, 'expected at most 53 characters, which is the limit of Helm');

/** A content digest. sha256 is the only algorithm taken: the tar's file names and every registry we know rely on it. */
export const Digest = z.templateLiteral(['sha256:', z.string().regex(/^[0-9a-f]{64}$/)], {
  error: ({ input }) => {
    const algorithm = /^([a-z0-9+._-]{1,20}):/.exec(String(input))?.[1] ?? 'sha256';
    return `expected "sha256:" and 64 hex digits${algorithm === 'sha256' ? '' : `; digests of ${algorithm} are not supported`}`;
  },
});
export type Digest = z.infer<typeof Digest>;

/** `os/architecture` or `os/architecture/variant`, in the words of Go: `linux/amd64`, `linux/arm/v7`. */
export const Platform = z
  .string()
  .regex(/^[a-z0-9]+\/[a-z0-9]+(\/[a-z0-9]+)?$/, 'expected os/architecture, such as "linux/amd64"');
export type Platform = z.infer<typeof Platform>;

/** A registry's `host[:port]`, without scheme and path. */
export const RegistryHost = z
  .string()
  .regex(
    /^([a-zA-Z0-9]([-a-zA-Z0-9.]*[a-zA-Z0-9])?|\[[0-9a-fA-F:]+\])(:[0-9]{1,5})?$/,
    'expected host or host:port, such as "registry.internal:5000"',
  );

/** A registry's `host[:port]`, and optionally a path under which its repositories lie. */
export const RegistryPath = z
  .string()
  .regex(
    /^[a-zA-Z0-9]([-a-zA-Z0-9.]*[a-zA-Z0-9])?(:[0-9]{1,5})?(\/[a-z0-9]+([._-]+[a-z0-9]+)*)*$/,
    'expected host[:port][/path], such as "mirror.example.com/docker-hub"',
  );

/** Where a chart repository is. Its user and password are named by `credentials`, since documents are passed around. */
export const HttpUrl = z
  .url({ protocol: /^https?$/, error: 'expected an http or https URL' })
  .regex(
    /^[a-z]+:\/\/[^/?#@]*([/?#]|$)/i,
    'expected a URL without user and password; sources.charts[].credentials is their place',
  );

/** A Kubernetes minor or exact version, without `v`; quoted in YAML so that 1.30 is not read as 1.3. */
export const KubernetesVersion = z
  .string()
  .regex(/^1\.[0-9]{1,2}(\.[0-9]{1,3})?$/, 'expected a minor or an exact version in quotes, such as "1.36" or "1.36.3"');

/** A bundle's version: what a tag may be, since the version becomes part of names and labels. */
export const Version = z
  .string()
  .regex(/^[A-Za-z0-9_][A-Za-z0-9._+-]{0,61}$/, 'expected a version of at most 62 letters, digits and "._+-", such as "1.4.2"');
