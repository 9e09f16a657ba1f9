import { z } from 'zod';
import { foundImage, objectPlace } from './found-image.ts';
import { apiVersion } from './names.ts';

/** One place where one kind of render shows a reference, and what prints it. */
export const Shown = z.strictObject({
  render: z.string().describe('`as deployed`, `profile <name>`, or `set <gate>`.'),
  kubernetes: z.array(z.string()).describe('Kubernetes versions for which it shows there.'),
  ...objectPlace,
  template: z.string().describe('As helm names it: `shop/charts/redis/templates/pod.yaml`.'),
  line: z
    .int()
    .positive()
    .optional()
    .describe('Line of the template, or of `helper`, that prints it, as far as the source tells.'),
  helper: z.string().optional().describe('File of the named template that prints it, where it is not `template` itself.'),
});
export type Shown = z.infer<typeof Shown>;

/** What `diolkos images --why … --format json` prints. Fields may be added in this version; none changes its meaning. */
export const ImageReasons = z
  .strictObject({
    apiVersion: z.literal(apiVersion),
    kind: z.literal('ImageReasons'),
    images: z
      .array(
        z.strictObject({
          chart: z.strictObject({ name: z.string(), version: z.string() }),
          release: z.string(),
          ...foundImage,
          shown: z.array(Shown),
        }),
      )
      .describe('One entry an image that is meant and release that has it.'),
  })
  .describe(
    'What `diolkos images --why … --format json` prints: each render, object, value and template line that shows an image.',
  );
export type ImageReasons = z.infer<typeof ImageReasons>;
