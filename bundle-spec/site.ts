import { z } from 'zod';
import { apiVersion, Name, RegistryHost, ReleaseName } from './names.ts';
import { ValuesLayer } from './values-layer.ts';

/** Certificates (PEM) to trust besides the system's. `diolkos manifest` turns a file into `inline`, since the Job cannot read it. */
export const CertificateAuthority = z.union([
  z.strictObject({ file: z.string().min(1) }),
  z.strictObject({ inline: z.string().min(1) }),
]);

const SiteRegistry = z.strictObject({
  host: RegistryHost,
  /** Path put in front of every repository, such as `mirror/shop`. Default none. */
  prefix: z
    .string()
    .regex(
      /^([a-z0-9]+([._-]+[a-z0-9]+)*(\/[a-z0-9]+([._-]+[a-z0-9]+)*)*)?$/,
      'expected path parts of lower-case letters and digits, such as "mirror/shop"',
    )
    .default(''),
  ca: CertificateAuthority.optional(),
  plainHttp: z.boolean().default(false),
  /** Secret of type kubernetes.io/dockerconfigjson in the Job's namespace, with the right to push. On a workstation the docker config is asked. */
  credentials: z.strictObject({ secret: Name }).optional(),
  /** Secret of type kubernetes.io/dockerconfigjson that pods pull with; it must be in each release's namespace. */
  pullSecret: Name.optional(),
});
export type SiteRegistry = z.infer<typeof SiteRegistry>;

/** Where the bundle lies for the Job. `path` is inside the claim, or the absolute path on the node. */
const BundleLocation = z.union([
  z.strictObject({ persistentVolumeClaim: z.strictObject({ name: Name, path: z.string().min(1) }) }),
  z.strictObject({ hostPath: z.strictObject({ path: z.string().startsWith('/'), node: z.string().min(1).optional() }) }),
]);
export type BundleLocation = z.infer<typeof BundleLocation>;

/** `site.yaml`: what is true only behind the gap. One bundle serves many sites. */
export const Site = z.strictObject({
  apiVersion: z.literal(apiVersion),
  kind: z.literal('Site'),
  registry: SiteRegistry,
  /** Values per release, after those of the bundle and before the rewrite. */
  values: z.record(ReleaseName, z.array(ValuesLayer)).default({}),
  job: z.strictObject({ namespace: Name.default('diolkos') }).prefault({}),
  bundle: BundleLocation.optional(),
});
export type Site = z.infer<typeof Site>;
