import { dump, YAML11_SCHEMA } from 'js-yaml';
import type { KubernetesObject } from './objects.ts';

/**
 * The objects as one YAML stream that `kubectl apply -f` takes, in the given order. `comment` (lines without `#`) stands on top.
 * Strings that YAML 1.1 would read as something else (`on`, `0755`) are quoted, since kubectl reads YAML 1.1.
 */
export function manifestYaml(objects: readonly KubernetesObject[], comment: readonly string[] = []): string {
  const head = comment.map((line) => (line === '' ? '#\n' : `# ${line}\n`)).join('');
  return head + objects.map((object) => dump(object, { schema: YAML11_SCHEMA, lineWidth: -1, noRefs: true })).join('---\n');
}
