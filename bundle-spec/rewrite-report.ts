import { z } from 'zod';
import { Finding } from './finding.ts';
import { foundImage, objectPlace } from './found-image.ts';
import { apiVersion } from './names.ts';
import { Values } from './values-layer.ts';

const Pod = z.strictObject({ kind: z.string(), namespace: z.string().optional(), name: z.string() });

const LeftPlace = z.strictObject({
  release: z.string(),
  profile: z.string().optional().describe('Scan profile of the render; absent for the values as deployed.'),
  ...objectPlace,
  hook: z.string().optional().describe('`helm.sh/hook` of the object.'),
  template: z.string().describe('As helm names it: `shop/templates/pod.yaml`.'),
  reference: z.string().describe('As written in the object; empty where the place is gone.'),
  reason: z
    .literal(['hard-coded', 'not-local', 'unexpected', 'missing', 'untagged'])
    .describe(
      '`hard-coded`: no value controls it. `not-local`: it stayed foreign. `unexpected`: it points below the registry, but not to where the image will be. `missing`: the place is no longer rendered. `untagged`: a program will pull it by a tag of its own.',
    ),
  fix: z.string().describe('The line to add to the spec, or the flag for a chart without one.'),
});

/** One release, rewritten for the registry that was asked for. */
export const RewrittenRelease = z.strictObject({
  release: z.string(),
  chart: z.strictObject({ name: z.string(), version: z.string() }),
  kubernetes: z.array(z.string()).describe('Kubernetes versions that it is proven for.'),
  proven: z.boolean().describe('Nothing is left.'),
  overrides: Values.describe('Values to add; the last layer.'),
  postRender: z
    .strictObject({
      images: z
        .record(z.string(), z.string())
        .describe('References as the chart writes them, and what takes their place in the rendered objects.'),
      pullSecret: z
        .strictObject({ name: z.string(), pods: z.array(Pod) })
        .optional()
        .describe('Pods that get the pull secret there; absent where values bring it to all.'),
      hooks: z.boolean().describe('Hooks are changed too; Helm 3 does not let that happen.'),
    })
    .describe('What is changed after rendering.'),
  images: z.array(
    z.strictObject({
      reference: foundImage.reference,
      places: z.int().nonnegative().describe('How many.'),
      rewritable: foundImage.rewritable,
    }),
  ),
  leftovers: z.array(LeftPlace).describe('Places that are not proven to name what the registry will serve.'),
  findings: z.array(Finding).describe('What may still be foreign after the rewrite, and worth a look.'),
  pullSecretLeft: z
    .array(z.strictObject({ pod: Pod, namespace: z.string(), serviceAccount: z.string() }))
    .describe('Pods that nothing gives the pull secret, with the ServiceAccount to patch.'),
  unread: z
    .array(z.string())
    .describe('Layers of values that only the cluster knows, such as `Secret shop-values`; they are left out.'),
  renders: z.int().nonnegative(),
  manifests: z
    .string()
    .optional()
    .describe('What would be installed, with `--manifests`; absent where it is not proven, unless `--partial` is given.'),
});
export type RewrittenRelease = z.infer<typeof RewrittenRelease>;

/** What `diolkos rewrite --format json` prints. Fields may be added in this version; none changes its meaning. */
export const RewriteReport = z
  .strictObject({
    apiVersion: z.literal(apiVersion),
    kind: z.literal('RewriteReport'),
    releases: z.array(RewrittenRelease),
  })
  .describe('What `diolkos rewrite --format json` prints: the values, the changes after rendering, and what is left.');
export type RewriteReport = z.infer<typeof RewriteReport>;
