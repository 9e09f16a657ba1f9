import { DUMP_SCHEMA, defineScalarTag, dump, NOT_RESOLVED } from 'js-yaml';
import { resolvePlain } from './yaml-scalar.ts';

/** What go-yaml takes for a number and no version of YAML does, such as `0_9`: js-yaml alone would write it without quotes. */
const goYaml = defineScalarTag('tag:diolkos.dev,2025:go-yaml', {
  implicit: true,
  resolve: (text) => {
    const scalar = resolvePlain(text);
    return scalar.kind === 'string' ? NOT_RESOLVED : scalar.value;
  },
  identify: () => false,
});
const schema = DUMP_SCHEMA.withTags(goYaml);

/** A value as YAML that our parser, helm, Kubernetes and readers of YAML 1.2 all read as the same value. Keys keep their order. */
export function writeYaml(value: unknown): string {
  return dump(value, { schema, lineWidth: -1, noRefs: true, quoteStyle: 'double' });
}
