import { z } from 'zod';
import {
  apiVersion,
  HttpUrl,
  KubernetesVersion,
  Name,
  Platform,
  RegistryHost,
  RegistryPath,
  ReleaseName,
  Version,
} from './names.ts';
import { KnownValuesLayer, ValuesLayer } from './values-layer.ts';

const Text = z.string().min(1);

/** Credentials by reference; the values themselves never stand in a document. */
export const CredentialsReference = z.union([
  z.strictObject({
    env: z.strictObject({
      username: Text.describe('Name of the environment variable that holds the user name.'),
      password: Text.describe('Name of the environment variable that holds the password or token.'),
    }),
  }),
  z.strictObject({ dockerConfig: Text.describe('Path of a docker `config.json`.') }),
]);
export type CredentialsReference = z.infer<typeof CredentialsReference>;

const access = {
  credentials: CredentialsReference.optional().describe(
    'Where user and password are. Without it the docker and containers config files of the user are asked.',
  ),
  ca: Text.optional().describe("PEM file with the certificates to trust besides the system's."),
  clientCertificate: z
    .strictObject({
      cert: Text.describe('PEM file with the certificate and its chain.'),
      key: Text.describe('PEM file with its key, without a passphrase.'),
    })
    .optional()
    .describe(
      'Shown to registries that know their clients by certificate. Without it that of `certs.d/<host>/`, if there is one.',
    ),
  plainHttp: z.boolean().default(false).describe('Speak http, not https. Loopback hosts are no exception.'),
};

/** How the images of one registry are reached. */
export const ImageSource = z.strictObject({
  host: RegistryHost.describe('Registry of the references, matched exactly, port included.'),
  mirror: RegistryPath.optional().describe(
    "Fetch from `<mirror>/<repository>` instead. References keep their names; credentials, ca and plainHttp are then the mirror's.",
  ),
  ...access,
});
export type ImageSource = z.infer<typeof ImageSource>;

/** Files of other tools that name mirrors. None is read that is not named here. */
const MirrorSources = z
  .union([
    z.strictObject({
      hosts: Text.describe('Folder with a `hosts.toml` for each registry, as containerd has them: `/etc/containerd/certs.d`.'),
    }),
    z.strictObject({
      registriesConf: Text.describe('File as podman, buildah and skopeo have it: `/etc/containers/registries.conf`.'),
    }),
  ])
  .describe(
    'Mirrors by the files of other tools. Asked in their order, the registry itself last; what was pulled from where is said.',
  );

/** How a chart repository is reached. */
export const ChartSource = z.strictObject({
  url: HttpUrl.describe('Matched as a prefix of `chart.repo`, at a path boundary.'),
  ...access,
});
export type ChartSource = z.infer<typeof ChartSource>;

/** Where a chart comes from: a directory or packed `.tgz`, an HTTP chart repository, or an OCI registry. */
export const Chart = z.union([
  z.strictObject({ path: Text.describe('Directory or packed `.tgz`.') }),
  z.strictObject({
    repo: HttpUrl.describe('HTTP chart repository, the folder of its `index.yaml`.'),
    name: Text,
    version: Text,
  }),
  z.strictObject({
    oci: z
      .string()
      .regex(/^oci:\/\/[^\s/@]+\/\S+$/, 'expected "oci://registry/path/name"')
      .describe('Chart in an OCI registry: `oci://registry/path/name`.'),
    version: Text,
  }),
]);
export type Chart = z.infer<typeof Chart>;

const Namespace = z.union([
  Name.transform((name) => ({ name, create: true })),
  z.strictObject({
    name: Name,
    create: z.boolean().default(true).describe('`install/` and `diolkos manifest` declare the Namespace.'),
  }),
]);

export const Release = z.strictObject({
  name: ReleaseName.describe('Name of the Helm release. Every release of a bundle has a name of its own.'),
  namespace: Namespace.describe('Where it is installed.'),
  chart: Chart,
  values: z
    .array(ValuesLayer)
    .default([])
    .describe('Values layers; a later one wins. Those of the site and the rewrite come after.'),
  scan: z
    .record(Name, z.array(KnownValuesLayer).min(1))
    .default({})
    .describe(
      'Profiles: layers put on top of `values` for discovery only. What they show travels too and may be switched on later.',
    ),
  dependsOn: z.array(ReleaseName).default([]).describe('Releases that have to be installed before.'),
});
export type Release = z.infer<typeof Release>;

/**
 * What travels of that which refers to images. `all`: signatures, attestations, SBOMs and any other artifact. `signatures`: those of
 * cosign and notation, and sigstore bundles.
 */
export const AttachedPolicy = z.literal(['all', 'signatures', 'none']);
export type AttachedPolicy = z.infer<typeof AttachedPolicy>;

/** A file or directory with images, in place of a registry. */
export const ArchiveSource = z.strictObject({
  archive: Text.describe(
    'What `docker save`, `podman save`, `docker buildx build --output type=oci` or skopeo (`docker-archive:`, `oci-archive:`, `oci:`, `dir:`) wrote.',
  ),
  image: Text.optional().describe(
    'Which image of several; of one, what to call it. Without it all travel, by the names they have there.',
  ),
});
export type ArchiveSource = z.infer<typeof ArchiveSource>;

const ImagesJson = z.strictObject({
  extra: z
    .array(z.union([Text, ArchiveSource]))
    .default([])
    .describe(
      'References that no render shows; they travel as if found. `driver:595-ubuntu24.04` also stands for `driver:595` of a chart, where the registry has no such tag since a program completes it. `{ archive: shop.tar }` brings images that were built here.',
    ),
  ignore: z
    .array(Text)
    .default([])
    .describe('References that need not travel and may stay foreign. Without a tag: every tag of that repository.'),
  paths: z
    .array(
      z.strictObject({
        release: ReleaseName,
        path: Text.describe('Values path in the syntax of `helm --set`, such as `sidecars[0].image`.'),
      }),
    )
    .default([])
    .describe('Values that hold an image, or a part of one, where it is not found without help.'),
  gated: z
    .union([z.literal(['report', 'include']), z.array(Text).min(1)])
    .default('report')
    .describe(
      'Images that render only when something is switched on: `report` names them, `include` takes all, and a list takes what it matches, such as `quay.io/shop/*`. What a scan profile shows travels in any case.',
    ),
  attached: AttachedPolicy.default('all').describe(
    'What travels of that which refers to images: `all` (signatures, attestations, SBOMs, any artifact), `signatures`, `none`. Looking for it takes four requests for each image and platform.',
  ),
  attestations: z
    .boolean()
    .default(false)
    .describe(
      "Keep BuildKit's attestations when an index is cut down to the target's platforms. Some registries refuse them; indexes pinned by digest keep them in any case.",
    ),
  sparse: z
    .boolean()
    .default(false)
    .describe(
      'Keep the digest of every index and leave out what its other platforms need, so that signatures of it stay valid. Only for targets that take such indexes; `push` asks the registry before it sends anything.',
    ),
});

/** References and archives of `extra` apart, as those who read it need them. */
const Images = ImagesJson.transform(({ extra, ...rest }) => ({
  ...rest,
  extra: extra.filter((one) => typeof one === 'string'),
  archives: extra.filter((one) => typeof one !== 'string'),
}));

const Password = z
  .strictObject({ env: Text.describe('Name of the environment variable that holds it.') })
  .optional()
  .describe('Password of an encrypted key.');

const Later = z.strictObject({
  later: z
    .literal(true)
    .describe('Keep a place in the bundle; `diolkos sign` puts the signature there, on the machine that has the key.'),
});

/** How bundle.json is signed. One way a bundle. */
export const Sign = z.union([
  z.strictObject({
    minisign: z
      .union([
        z.strictObject({ secretKey: Text.describe('Secret key file that `minisign -G` made.'), password: Password }),
        Later,
      ])
      .describe('Sign as `minisign -S` does; the program is not needed.'),
  }),
  z.strictObject({
    cosign: z
      .union([
        z.strictObject({
          key: Text.describe('What `cosign --key` takes: a key file, or a key in a KMS such as `awskms://…`.'),
          password: Password,
        }),
        Later,
      ])
      .describe('Have the program cosign (3 or newer) sign, without a transparency log.'),
  }),
]);
export type Sign = z.infer<typeof Sign>;

/** The spec, `bundle.yaml`: what the user writes. */
export const Bundle = z
  .strictObject({
    apiVersion: z.literal(apiVersion),
    kind: z.literal('Bundle'),
    metadata: z.strictObject({ name: Name, version: Version.describe('Version of the bundle, not of any chart.') }),
    target: z.strictObject({
      kubernetes: z
        .array(KubernetesVersion)
        .min(1)
        .describe(
          'Versions to render for, in quotes; each is rendered and proven. A minor such as `"1.36"` stands for its first release; where a chart makes a tag of the exact version, give that: `"1.36.3"`.',
        ),
      apiVersions: z
        .array(Text)
        .default([])
        .describe("API versions that the cluster serves beside Kubernetes' own, such as `monitoring.coreos.com/v1`."),
      platforms: z.array(Platform).min(1).default(['linux/amd64']).describe('Platforms of the nodes; only these travel.'),
      helm: z.literal(4).default(4).describe('The helm major that installs; the installer carries helm 4.'),
    }),
    installer: Text.optional().describe(
      'Image of the Job: a reference, `oci-archive:<path>` of a locally built image (`docker-archive:`, `oci:` and `dir:` as well), or `none`. Without it the published image of this version of diolkos.',
    ),
    sources: z
      .strictObject({
        charts: z.array(ChartSource).default([]),
        images: z.array(ImageSource).default([]),
        mirrors: MirrorSources.optional(),
      })
      .prefault({})
      .describe(
        'How chart repositories and registries on the connected side are reached; docs/registries.md says what each kind needs.',
      ),
    releases: z.array(Release).min(1),
    images: Images.prefault({}),
    sign: Sign.optional().describe(
      'Sign bundle.json, which names every byte of the bundle. A site says with `signedBy` whose bundles it takes.',
    ),
  })
  .describe('The spec, `bundle.yaml`: what the user writes. File paths in it are relative to it.');
export type Bundle = z.infer<typeof Bundle>;
