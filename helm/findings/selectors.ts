import type { Finding } from '../../bundle-spec/finding.ts';
import type { BaseRender } from '../base-render.ts';
import { getAt, isMap } from '../values-path.ts';
import { nameOf } from './words.ts';

/**
 * SELECTOR_HAS_VERSION: a field of a workload that Kubernetes never lets change (`spec.selector`, `volumeClaimTemplates`) holds a version of
 * the chart or of the program, so the upgrade to the next one is refused. `versions`: those of the chart and its subcharts.
 */
export function findSelectors(bases: readonly BaseRender[], versions: ReadonlySet<string>): Finding[] {
  const found = new Map<string, Finding>();
  for (const object of bases.flatMap(({ objects }) => objects)) {
    if (!workloads.has(object.kind)) continue;
    for (const { path, labels } of fixedLabels(object.value)) {
      for (const [key, value] of Object.entries(labels)) {
        if (typeof value !== 'string' || !holdsVersion(key, value, versions)) continue;
        const where = `${nameOf(object)} ${path}`;
        found.set(where, finding(nameOf(object), path, `${key}: ${value}`));
      }
    }
  }
  return [...found.values()];
}

const workloads = new Set(['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet']);

function* fixedLabels(value: unknown): Generator<{ readonly path: string; readonly labels: Readonly<Record<string, unknown>> }> {
  const labels = getAt(value, ['spec', 'selector', 'matchLabels']);
  if (isMap(labels)) yield { path: 'spec.selector.matchLabels', labels };
  const claims = getAt(value, ['spec', 'volumeClaimTemplates']);
  if (!Array.isArray(claims)) return;
  for (const [index, claim] of claims.entries()) {
    const own = getAt(claim, ['metadata', 'labels']);
    if (isMap(own)) yield { path: `spec.volumeClaimTemplates[${index}].metadata.labels`, labels: own };
  }
}

function holdsVersion(key: string, value: string, versions: ReadonlySet<string>): boolean {
  if (!/\d/.test(value)) return false;
  if (/^(?:helm\.sh\/)?chart$/.test(key) || key === 'app.kubernetes.io/version') return true;
  const text = value.replaceAll('_', '+');
  return [...versions].some((version) => /\d\.\d/.test(version) && (text === version || text.endsWith(`-${version}`)));
}

function finding(name: string, path: string, label: string): Finding {
  return {
    severity: 'warning',
    code: 'SELECTOR_HAS_VERSION',
    message: `${name} has a version in a field that cannot be changed later (${label}): the upgrade to another version will be refused`,
    where: `${name} ${path}`,
    fix: `before an upgrade that changes it: kubectl delete --cascade=orphan ${name.replace('/', ' ').toLowerCase()}; or mend the chart`,
  };
}
