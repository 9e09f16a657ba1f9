import { z } from 'zod';
import { apiVersion, Name, RegistryHost, ReleaseName } from './names.ts';
import { ValuesLayer } from './values-layer.ts';

/** Certificates (PEM) to trust besides the system's. */
export const CertificateAuthority = z.union([
  z.strictObject({
    file: z.string().min(1).describe('PEM file; `diolkos manifest` turns it into `inline`, which the Job can read.'),
  }),
  z.strictObject({ inline: z.string().min(1).describe('The PEM text.') }),
]);

const SiteRegistry = z.strictObject({
  host: RegistryHost,
  prefix: z
    .string()
    .regex(
      /^([a-z0-9]+([._-]+[a-z0-9]+)*(\/[a-z0-9]+([._-]+[a-z0-9]+)*)*)?$/,
      'expected path parts of lower-case letters and digits, such as "mirror/shop"',
    )
    .default('')
    .describe('Path put in front of every repository, such as `mirror/shop`.'),
  ca: CertificateAuthority.optional().describe("Certificates to trust besides the system's."),
  clientCertificate: z
    .strictObject({
      cert: z
        .string()
        .min(1)
        .optional()
        .describe('PEM file with the certificate and its chain, for `diolkos push` on a workstation.'),
      key: z.string().min(1).optional().describe('PEM file with its key, without a passphrase.'),
      secret: Name.optional().describe("Secret of type kubernetes.io/tls in the Job's namespace, for the Job."),
    })
    .refine(({ cert, key, secret }) => (cert === undefined) === (key === undefined) && (cert ?? secret) !== undefined, {
      error: 'expected cert and key, or secret, or all three',
    })
    .optional()
    .describe('Shown to a registry that knows its clients by certificate.'),
  plainHttp: z.boolean().default(false).describe('Speak http, not https.'),
  credentials: z
    .strictObject({ secret: Name })
    .optional()
    .describe(
      "Secret of type kubernetes.io/dockerconfigjson in the Job's namespace, with the right to push. On a workstation the docker config is asked. docs/registries.md says what each kind of registry needs.",
    ),
  pullSecret: Name.optional().describe(
    "Secret of type kubernetes.io/dockerconfigjson that pods pull with; it must be in each release's namespace.",
  ),
});
export type SiteRegistry = z.infer<typeof SiteRegistry>;

/** Where the bundle lies for the Job. */
const BundleLocation = z.union([
  z.strictObject({
    persistentVolumeClaim: z.strictObject({
      name: Name.describe("Claim in the Job's namespace."),
      path: z
        .string()
        .min(1)
        .describe('Path of the bundle inside the claim; of a bundle in volumes, its name or that of one of them.'),
      volumes: z.array(z.string().min(1)).optional().describe('Further directories inside the claim with volumes of the bundle.'),
    }),
  }),
  z.strictObject({
    hostPath: z.strictObject({
      path: z.string().regex(/^\//, 'expected an absolute path').describe('Absolute path of the bundle on the node.'),
      volumes: z
        .array(z.string().regex(/^\//, 'expected an absolute path'))
        .optional()
        .describe('Further directories on the node with volumes of the bundle.'),
      node: z.string().min(1).optional().describe('Name of the node that has it.'),
    }),
  }),
]);
export type BundleLocation = z.infer<typeof BundleLocation>;

/** A public key: of minisign the line that begins with `RW`, of cosign the PEM text. */
export const SigningKey = z.union([
  z.strictObject({
    file: z
      .string()
      .min(1)
      .describe('`minisign.pub` or `cosign.pub`; `diolkos manifest` turns it into `inline`, which the Job can read.'),
  }),
  z.strictObject({ inline: z.string().min(1).describe('The line `RW…` of minisign.pub, or the PEM text of cosign.pub.') }),
]);
export type SigningKey = z.infer<typeof SigningKey>;

/** `site.yaml`: what is true only behind the gap. One bundle serves many sites. */
export const Site = z
  .strictObject({
    apiVersion: z.literal(apiVersion),
    kind: z.literal('Site'),
    registry: SiteRegistry,
    signedBy: z
      .array(SigningKey)
      .min(1)
      .optional()
      .describe('Public keys. With them, a bundle that none of them has signed is refused before anything of it is used.'),
    values: z
      .record(ReleaseName, z.array(ValuesLayer))
      .default({})
      .describe('Values layers of a release, after those of the bundle and before the rewrite.'),
    job: z.strictObject({ namespace: Name.default('diolkos').describe('Namespace of its own for the Job.') }).prefault({}),
    bundle: BundleLocation.optional().describe('Where the bundle lies for the Job.'),
  })
  .describe('The site, `site.yaml`: what is true only behind the gap. One bundle serves many sites.');
export type Site = z.infer<typeof Site>;
