import { z } from 'zod';
import { Name } from './names.ts';

/** Values written into the document itself. */
export const Values = z.record(z.string(), z.unknown());
export type Values = z.infer<typeof Values>;

/** A key of a ConfigMap or Secret in the release's own namespace, read behind the gap. `optional` (default false): may be absent. */
const Key = z.strictObject({ name: Name, key: z.string().min(1).default('values.yaml'), optional: z.boolean().default(false) });

/** One layer of the ordered `values[]` list; a later layer wins over an earlier one, as with repeated `helm --values`. */
export const ValuesLayer = z.union([
  z.strictObject({ file: z.string().min(1) }),
  z.strictObject({ inline: Values }),
  z.strictObject({ configMap: Key }),
  z.strictObject({ secret: Key }),
]);
export type ValuesLayer = z.infer<typeof ValuesLayer>;

/** A layer whose text is known while building: the only kind that discovery can render with. */
export const KnownValuesLayer = z.union([z.strictObject({ file: z.string().min(1) }), z.strictObject({ inline: Values })]);
export type KnownValuesLayer = z.infer<typeof KnownValuesLayer>;

/** A layer as it travels in bundle.json: files are carried as their text, byte for byte, so that helm reads the same on both sides. */
export const CarriedValuesLayer = z.union([
  z.strictObject({ name: z.string().min(1), text: z.string() }),
  z.strictObject({ configMap: Key }),
  z.strictObject({ secret: Key }),
]);
export type CarriedValuesLayer = z.infer<typeof CarriedValuesLayer>;
