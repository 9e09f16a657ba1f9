import { writeYaml } from '../bundle-spec/write-yaml.ts';
import type { KubernetesObject } from './objects.ts';

/** The objects as one YAML stream that `kubectl apply -f` takes, in the given order. `comment` (lines without `#`) stands on top. */
export function manifestYaml(objects: readonly KubernetesObject[], comment: readonly string[] = []): string {
  const head = comment.map((line) => (line === '' ? '#\n' : `# ${line}\n`)).join('');
  return head + objects.map((object) => writeYaml(object)).join('---\n');
}
