import { BundleError } from '../bundle-spec/bundle-error.ts';
import { findHelm } from '../helm/helm.ts';
import { parseReference } from '../images/reference.ts';
import { checkSources } from './check-sources.ts';
import type { ListFlags } from './list-images.ts';
import { type ImageReason, printWhy } from './print-why.ts';
import { type FailedSource, readSources } from './read-sources.ts';
import { type SurveyedSource, surveySources } from './survey-sources.ts';
import { whyImage } from './why-image.ts';

/**
 * Prints everything that shows one image in a spec or in charts. `why` may be the end of a name; without a tag it is every tag.
 * Throws IMAGE_NOT_FOUND when nothing shows it, REFERENCE_INVALID, and as `listImages` does.
 */
export async function explainImages(
  names: readonly string[],
  why: string,
  flags: ListFlags,
  { signal }: { readonly signal: AbortSignal },
): Promise<void> {
  const isMeant = meaning(why);
  const { sources } = await readSources(names, flags, { signal });
  const helm = await findHelm({ signal });
  const results: (SurveyedSource | FailedSource)[] = [];
  const reasons: ImageReason[] = [];
  const options = { gates: flags.gates, placeholder: flags.placeholder === true, signal };
  for await (const result of surveySources(helm, sources, options)) {
    results.push(result);
    if ('error' in result) continue;
    for (const image of result.survey.images.filter(({ reference }) => isMeant(reference))) {
      reasons.push({ surveyed: result, image, shown: await whyImage(helm, result.input, image, { signal }) });
    }
  }
  if (reasons.length > 0) printWhy(reasons, flags.format);
  checkSources(results);
  if (reasons.length === 0) throw notFound(why, results);
}

/** The test for references that `text` means: the same name or the end of it, and tag and digest where `text` has them. */
function meaning(text: string): (reference: string) => boolean {
  const wanted = parseReference(text);
  const named = nameOf(text);
  const hasTag = /:/.test(text.replace(/@.*$/, '').slice(named.length));
  return (reference) => {
    const { host, repository, tag, digest } = parseReference(reference);
    const isSame = host === wanted.host && repository === wanted.repository;
    if (!isSame && !`${host}/${repository}`.endsWith(`/${named}`)) return false;
    return (!hasTag || tag === wanted.tag) && (wanted.digest === undefined || digest === wanted.digest);
  };
}

/** As written, without tag and digest. */
function nameOf(text: string): string {
  return text.replace(/@.*$/, '').replace(/:[^/:]*$/, '');
}

function notFound(why: string, results: readonly (SurveyedSource | FailedSource)[]): BundleError {
  const name =
    why
      .replace(/@.*$/, '')
      .replace(/:[^/]*$/, '')
      .split('/')
      .at(-1) ?? why;
  const found = results.flatMap((result) => ('survey' in result ? result.survey.images : []));
  const near = [...new Set(found.map(({ reference }) => reference).filter((reference) => reference.includes(name)))];
  return new BundleError('IMAGE_NOT_FOUND', `no render shows ${why}`, {
    hint: near.length === 0 ? 'without --why every image is listed' : `there is ${near.slice(0, 5).join(', ')}`,
  });
}
