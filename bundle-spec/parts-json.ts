import { z } from 'zod';
import { apiVersion, Digest } from './names.ts';

/** A name within one directory: nothing that leads out of it. */
const FileName = z
  .string()
  .max(255)
  .regex(/^(?!\.{1,2}$)[^/\\\p{Cc}]+$/u, 'expected the name of a file, without a directory');

/** A sha256 as `sha256sum` prints it. */
const Sum = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 hex digits');

/** `<output>.parts.json`, beside the volumes of a bundle. It is written last, so that where it is all of them are whole. */
export const PartsJson = z
  .strictObject({
    apiVersion: z.literal(apiVersion),
    kind: z.literal('PartsJson'),
    name: FileName.describe('The one file that the volumes are, joined: `shop.tar`.'),
    size: z.int().positive().describe('Bytes of that file.'),
    bundleJson: Digest.describe('Digest of bundle.json, its first entry.'),
    parts: z
      .array(z.strictObject({ name: FileName, size: z.int().positive(), sha256: Sum }))
      .min(1)
      .max(9999)
      .describe('The volumes in their order: raw ranges of the file, one behind the other; the sizes sum up to its size.'),
  })
  .describe('`<output>.parts.json`, beside the volumes that `diolkos build --volume-size` writes: what belongs together.');
export type PartsJson = z.infer<typeof PartsJson>;
