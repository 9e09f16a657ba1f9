import type { ImagePlan } from '../images/plan/image-plan.ts';
import { formatReference } from '../images/reference.ts';
import { count } from './print-table.ts';
import type { Progress } from './progress.ts';

/** Says what a user may not expect of the images that were planned: what travels besides, and what stays behind. */
export function sayPlanned(plans: readonly ImagePlan[], progress: Progress): void {
  const attached = new Set(plans.flatMap((plan) => plan.attached.map(({ root }) => root.descriptor.digest))).size;
  if (attached > 0)
    progress.say(
      `${count(attached, 'artifact')} that ${attached === 1 ? 'refers' : 'refer'} to them (signatures, SBOMs) travel too`,
    );
  const sparse = plans.filter(({ mode }) => mode === 'sparse').length;
  if (sparse > 0)
    progress.say(
      `${count(sparse, 'image')} without all platforms of the index: not every registry takes that, push asks it first`,
    );
  for (const { reference, foreign } of plans) {
    if (foreign.length === 0) continue;
    const hosts = [...new Set(foreign.flatMap(({ urls = [] }) => urls.map((url) => URL.parse(url)?.host ?? url)))].join(', ');
    progress.say(
      `${formatReference(reference)}: ${count(foreign.length, 'layer')} left out, which its registry does not serve: nodes fetch ${foreign.length === 1 ? 'it' : 'them'} from ${hosts || 'elsewhere'}, which they cannot behind a gap (docs/registries.md#foreign-layers)`,
    );
  }
}
