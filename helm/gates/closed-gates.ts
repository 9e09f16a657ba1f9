import type { Finding } from '../../bundle-spec/finding.ts';
import { formatReference } from '../../images/reference.ts';
import { asReference } from '../references/reference-text.ts';
import type { LiteralImage } from './template-gates.ts';

/**
 * IMAGE_BEHIND_CLOSED_GATE for every image that a template names and no render showed, so that nothing is hidden in silence. `shown` is
 * canonical; `isIgnored` is asked for the text as written.
 */
export function closedGateFindings(
  literals: readonly LiteralImage[],
  shown: ReadonlySet<string>,
  isIgnored: (text: string) => boolean,
): Finding[] {
  const hidden = new Map<string, string>();
  for (const { reference: text, where } of literals) {
    const parsed = asReference(text);
    if (parsed === undefined || isIgnored(text)) continue;
    const reference = formatReference(parsed);
    if (!shown.has(reference) && !hidden.has(reference)) hidden.set(reference, where);
  }
  return [...hidden].map(([reference, where]) => ({
    severity: 'info',
    code: 'IMAGE_BEHIND_CLOSED_GATE',
    message: `${reference} stands at ${where} behind a condition that nothing which was tried makes true`,
    where,
    fix: 'if you use it, give a scan profile the values that it needs, or add it to images.extra',
  }));
}
