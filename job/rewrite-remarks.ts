import type { Rewrite } from '../helm/prove.ts';
import { patchCommand } from '../helm/pull-secrets/pull-secrets.ts';

/** What a person should know of the rewrite of a release: what no value of the chart brings, and which pods will pull without the Secret. */
export function rewriteRemarks(
  release: string,
  { postRender, pullSecretLeft }: Pick<Rewrite, 'postRender' | 'pullSecretLeft'>,
  pullSecret: string | undefined,
): string[] {
  const images = Object.keys(postRender.images);
  const remarks: string[] = [];
  if (images.length > 0)
    remarks.push(`${release}: rewritten after rendering, as no value of the chart does it: ${images.join(', ')}`);
  for (const [command, gaps] of Map.groupBy(pullSecretLeft, (gap) => patchCommand(gap, pullSecret ?? ''))) {
    const owners = gaps.map(({ pod }) => `${pod.kind}/${pod.name}`).join(', ');
    const { namespace, serviceAccount } = gaps[0] ?? { namespace: '', serviceAccount: '' };
    remarks.push(
      `${release}: pods of ${owners} pull without ${pullSecret}, unless ServiceAccount ${namespace}/${serviceAccount} has it: ${command}`,
    );
  }
  return remarks;
}
