import { z } from 'zod';
import { Name } from './names.ts';

/** Values written into the document itself. */
export const Values = z.record(z.string(), z.unknown());
export type Values = z.infer<typeof Values>;

const FileLayer = z.strictObject({ file: z.string().min(1).describe('YAML file; it travels byte for byte.') });
const InlineLayer = z.strictObject({
  inline: Values.describe('Values as they stand here, by the YAML rules of helm: `0644` is 420, `on` is true.'),
});

/** A key of a ConfigMap or Secret in the release's own namespace, read behind the gap. */
const Key = z.strictObject({
  name: Name,
  key: z.string().min(1).default('values.yaml'),
  optional: z.boolean().default(false).describe('It may be absent.'),
});
const ConfigMapLayer = z.strictObject({
  configMap: Key.describe("ConfigMap in the release's own namespace, read behind the gap."),
});
const SecretLayer = z.strictObject({
  secret: Key.describe("Secret in the release's own namespace, read behind the gap."),
});

/** One layer of the ordered `values[]` list; a later layer wins over an earlier one, as with repeated `helm --values`. */
export const ValuesLayer = z.union([FileLayer, InlineLayer, ConfigMapLayer, SecretLayer]);
export type ValuesLayer = z.infer<typeof ValuesLayer>;

/** A layer whose text is known while building: the only kind that discovery can render with. */
export const KnownValuesLayer = z.union([FileLayer, InlineLayer]);
export type KnownValuesLayer = z.infer<typeof KnownValuesLayer>;

/** A layer as it travels in bundle.json: files are carried as their text, byte for byte, so that helm reads the same on both sides. */
export const CarriedValuesLayer = z.union([
  z.strictObject({ name: z.string().min(1).describe('Where the text came from.'), text: z.string() }),
  ConfigMapLayer,
  SecretLayer,
]);
export type CarriedValuesLayer = z.infer<typeof CarriedValuesLayer>;
