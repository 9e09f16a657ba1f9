import type { Bundle } from '../bundle-spec/bundle.ts';
import { BundleError } from '../bundle-spec/bundle-error.ts';
import { readBundle } from '../bundle-spec/read-bundle.ts';
import { parseArchiveName } from '../images/archive/oci-archive.ts';
import { parseReference } from '../images/reference.ts';

/** The spec in `file` with every reference in it checked. Throws SPEC_INVALID, FILE_UNREADABLE, REFERENCE_INVALID for all that are none. */
export async function readSpec(file: string, options: { readonly signal: AbortSignal }): Promise<Bundle> {
  const spec = await readBundle(file, options);
  const problems = referencesOf(spec).flatMap(({ where, text }) => problemOf(`${file} ${where}`, text));
  const [first] = problems;
  if (first === undefined) return spec;
  throw new BundleError('REFERENCE_INVALID', problems.map(({ message }) => message).join('\n'), {
    hint: first.hint ?? 'a reference is host/repository:tag, such as "registry.example.com/shop/api:1.4.0"',
  });
}

function referencesOf({ installer, images }: Bundle): { readonly where: string; readonly text: string }[] {
  const listed = (name: 'extra' | 'ignore') => images[name].map((text, index) => ({ where: `images.${name}[${index}]`, text }));
  const pulled = installer === undefined || installer === 'none' || parseArchiveName(installer) !== undefined;
  const named = images.archives.flatMap(({ archive, image }) =>
    image === undefined ? [] : [{ where: `image of ${archive}`, text: image }],
  );
  return [...named, ...(pulled ? [] : [{ where: 'installer', text: installer }]), ...listed('extra'), ...listed('ignore')];
}

function problemOf(where: string, text: string): { readonly message: string; readonly hint: string | undefined }[] {
  try {
    parseReference(text);
    return [];
  } catch (error) {
    if (!(error instanceof BundleError)) throw error;
    return [{ message: `${where}: ${error.message}`, hint: error.hint }];
  }
}
