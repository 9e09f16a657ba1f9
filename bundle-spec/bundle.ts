import { z } from 'zod';
import { apiVersion, KubernetesMinor, Name, Platform, RegistryHost, RegistryPath, ReleaseName, Version } from './names.ts';
import { KnownValuesLayer, ValuesLayer } from './values-layer.ts';

/** Credentials by reference; the values themselves never stand in a document. Without it, the docker and containers config files of the user are asked. */
export const CredentialsReference = z.union([
  z.strictObject({ env: z.strictObject({ username: z.string().min(1), password: z.string().min(1) }) }),
  z.strictObject({ dockerConfig: z.string().min(1) }),
]);
export type CredentialsReference = z.infer<typeof CredentialsReference>;

const access = {
  credentials: CredentialsReference.optional(),
  /** PEM file with the certificates to trust besides the system's. */
  ca: z.string().min(1).optional(),
  /** Speak http, not https. Default false; loopback hosts are no exception. */
  plainHttp: z.boolean().default(false),
};

/**
 * How the images of one registry are reached. `host` is matched exactly, port included. With `mirror` the bytes come from
 * `<mirror>/<repository>` while the reference keeps its name; credentials, `ca` and `plainHttp` are then the mirror's.
 */
export const ImageSource = z.strictObject({ host: RegistryHost, mirror: RegistryPath.optional(), ...access });
export type ImageSource = z.infer<typeof ImageSource>;

/** How a chart repository is reached. `url` is matched as a prefix of `chart.repo`, at a path boundary. */
export const ChartSource = z.strictObject({
  url: z.url({ protocol: /^https?$/, error: 'expected an http or https URL' }),
  ...access,
});
export type ChartSource = z.infer<typeof ChartSource>;

/** Where a chart comes from: a directory or packed `.tgz`, an HTTP chart repository, or an OCI registry. */
export const Chart = z.union([
  z.strictObject({ path: z.string().min(1) }),
  z.strictObject({
    repo: z.url({ protocol: /^https?$/, error: 'expected an http or https URL' }),
    name: z.string().min(1),
    version: z.string().min(1),
  }),
  z.strictObject({ oci: z.string().startsWith('oci://', 'expected "oci://registry/path/name"'), version: z.string().min(1) }),
]);
export type Chart = z.infer<typeof Chart>;

/** `create` (default true): `install/` and `diolkos manifest` declare the Namespace. */
const Namespace = z.union([
  Name.transform((name) => ({ name, create: true })),
  z.strictObject({ name: Name, create: z.boolean().default(true) }),
]);

export const Release = z.strictObject({
  name: ReleaseName,
  namespace: Namespace,
  chart: Chart,
  values: z.array(ValuesLayer).default([]),
  /** Extra renders for discovery only: what they show travels too, and behind the gap may then be switched on. */
  scan: z.record(Name, z.array(KnownValuesLayer).min(1)).default({}),
  dependsOn: z.array(ReleaseName).default([]),
});
export type Release = z.infer<typeof Release>;

const Images = z.strictObject({
  /** References no render shows; they travel as if found. */
  extra: z.array(z.string().min(1)).default([]),
  /** References that need not travel and may stay foreign. Without a tag: every tag of that repository. */
  ignore: z.array(z.string().min(1)).default([]),
  /** Values paths (helm `--set` syntax) that hold an image or a part of one, where the finder does not see it. */
  paths: z.array(z.strictObject({ release: ReleaseName, path: z.string().min(1) })).default([]),
});

/** `none`, `oci-archive:<path>` of a locally built image, or a reference to pull. */
const Installer = z.string().min(1);

/** The spec, `bundle.yaml`: what the user writes. File paths are relative to the file. */
export const Bundle = z.strictObject({
  apiVersion: z.literal(apiVersion),
  kind: z.literal('Bundle'),
  metadata: z.strictObject({ name: Name, version: Version }),
  target: z.strictObject({
    /** Minors to render for; each is rendered and proven. */
    kubernetes: z.array(KubernetesMinor).min(1),
    platforms: z.array(Platform).min(1).default(['linux/amd64']),
    /** The helm major that installs. */
    helm: z.literal([3, 4]).default(4),
  }),
  /** Default: the published installer image of this version. */
  installer: Installer.optional(),
  sources: z.strictObject({ charts: z.array(ChartSource).default([]), images: z.array(ImageSource).default([]) }).prefault({}),
  releases: z.array(Release).min(1),
  images: Images.prefault({}),
});
export type Bundle = z.infer<typeof Bundle>;
