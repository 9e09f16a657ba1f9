import { z } from 'zod';

/** How a reference of a chart was found; the reports describe each. */
export const FoundClass = z.literal(['used', 'hard-coded', 'gated', 'declared', 'runtime']);
export type FoundClass = z.infer<typeof FoundClass>;

/**
 * Which way brings a reference from the registry behind the gap. `values`: overrides do all of its places. `post-render`: one place at least
 * needs the post-renderer. `no`: one place is left.
 */
export const Rewritable = z.literal(['values', 'post-render', 'no']);
export type Rewritable = z.infer<typeof Rewritable>;

/** The fields by which every report tells of an image. */
export const foundImage = {
  reference: z
    .string()
    .describe(
      'Canonical: `docker.io/library/redis:7.0.5`, with `@sha256:…` where the chart pins it; of class `runtime` without a tag.',
    ),
  class: FoundClass.describe(
    '`used`: it renders as deployed, and a value controls it. `hard-coded`: it renders as deployed, and no value controls it. `gated`: it renders when one of `gates` is set. `declared`: it stands in the values, and no render shows it in use. `runtime`: a program pulls from that repository by a tag of its own; `images.extra` has to name it.',
  ),
  gates: z
    .array(z.string())
    .describe(
      'Ways to make it render: what `helm --set` takes, `--set-string=…`, `--set-json=…`, `--api-versions=…`, `--kube-version=…` or `profile <name>`; empty unless `gated`.',
    ),
  valuesPaths: z.array(z.string()).describe('Values paths that control it, in the syntax of `helm --set`.'),
  rewritable: Rewritable.describe(
    '`values`: values bring it from another registry in all places. `post-render`: a post-renderer has to help. `no`: a finding names the line to add.',
  ),
};

/** A string of a rendered object. */
export const objectPlace = {
  kind: z.string(),
  namespace: z.string().optional().describe('As the object names it; absent where the chart leaves it to the release.'),
  name: z.string().describe('With `*` for what is new in each render.'),
  path: z
    .string()
    .describe('Where in the object, in the syntax of `helm --set`; `#` where it goes on in a document that a string holds.'),
};
