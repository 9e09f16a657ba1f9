import { BundleError } from '../bundle-spec/bundle-error.ts';
import type { Digest } from '../bundle-spec/names.ts';
import { installFolder } from '../cluster/install-folder.ts';
import type { BlobSource } from '../images/blob-source.ts';
import { type BundleContents, type BundleHeader, planBundle } from '../images/bundle/bundle-layout.ts';
import { type BundleFile, openBundle } from '../images/bundle/bundle-reader.ts';
import { installFiles, mergedContents } from '../images/bundle/merge-contents.ts';
import { type MergedName, uniteHeaders, wholeHeader } from '../images/bundle/merge-headers.ts';
import { reusedBlobs } from '../images/bundle/reused-blobs.ts';
import { openTransfers } from '../images/transfer/transfers.ts';
import { checkOutput, isStdout } from './check-output.ts';
import { count } from './print-table.ts';
import { formatBytes, type Progress } from './progress.ts';
import { version } from './version.ts';
import { type OutputShape, writeOutput } from './write-output.ts';

/** What was written. Sizes in bytes. */
export interface MergedBundle {
  readonly output: string;
  readonly name: string;
  readonly version: string;
  readonly size: number;
  readonly releases: number;
  readonly images: number;
  readonly blobs: number;
  readonly volumes?: number;
}

interface MergeOptions extends OutputShape {
  /** Further directories with volumes of the bundles. */
  readonly volumes: readonly string[];
  /** What the result is called; needed when bundles of several names are merged. */
  readonly as?: MergedName;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/**
 * Makes one whole bundle of several, without a registry. Bundles before a delta of the same name, or those it was computed from, give it
 * their blobs; what comes out is what a full build would have written. Bundles of several names are united. Throws USAGE_INVALID,
 * NAME_COLLISION, BASE_MISSING, BUNDLE_*, VOLUME_MISSING, DISK_FULL, FILE_*.
 */
export async function mergeBundles(files: readonly string[], output: string, options: MergeOptions): Promise<MergedBundle> {
  await checkOutput(output, files);
  const bundles: BundleFile[] = [];
  try {
    for (const file of files) bundles.push(await openBundle(file, options));
    return await writeMerged(bundles, output, options);
  } finally {
    for (const bundle of bundles) await bundle.close();
  }
}

async function writeMerged(bundles: readonly BundleFile[], output: string, options: MergeOptions): Promise<MergedBundle> {
  const { progress, signal, volumeSize, sums } = options;
  const { header, files } = await mergedHeader(bundles, options);
  const layout = planBundle(await mergedContents(header, bundles, files, { signal }));
  const { name, version: of } = header.metadata;
  progress.say(`${name} ${of}: ${count(layout.blobs.size, 'blob')}, ${formatBytes(layout.size)} to write`);
  const transfers = openTransfers();
  const onDamaged = (file: string, digest: Digest) => progress.say(`${file}: ${digest} is damaged there`);
  const { before } = reusedBlobs(bundles, { transfers, signal, onDamaged });
  const sources = before(new Map([...layout.blobs.keys()].map((digest) => [digest, nowhere])));
  try {
    const shape = { ...(volumeSize === undefined ? {} : { volumeSize }), ...(sums === undefined ? {} : { sums }) };
    const written = await writeOutput(layout, output, { ...shape, sources, transfers, progress, signal });
    if (header.signature !== undefined) progress.say(`not signed: ${signingOf(output, written)}`);
    const counts = { releases: header.releases.length, images: header.images.length, blobs: layout.blobs.size };
    return { output, name, version: of, size: layout.size, ...counts, ...written };
  } finally {
    await transfers.close();
  }
}

function signingOf(output: string, { volumes }: { readonly volumes?: number }): string {
  if (volumes !== undefined) return 'volumes are split from a file that was signed, merge into one';
  return `diolkos sign ${isStdout(output) ? '<file>' : output} --key <secret key>`;
}

/** A blob that no bundle gave: it was there when the layout was made, so its bytes are wrong. */
const nowhere: BlobSource = {
  pull: async ({ digest }) => {
    throw new BundleError('BUNDLE_DAMAGED', `${digest} is damaged in every bundle that has it`, {
      hint: 'diolkos verify says which images it hurts; copy the bundle again from where it was made',
    });
  },
};

async function mergedHeader(
  bundles: readonly BundleFile[],
  { as, signal }: MergeOptions,
): Promise<{ readonly header: BundleHeader; readonly files: BundleContents['files'] }> {
  const wanted = withoutBases(bundles);
  const [first, ...others] = wanted;
  if (first === undefined) throw new BundleError('USAGE_INVALID', 'there is nothing to merge');
  if (others.length === 0 && as === undefined) {
    return { header: wholeHeader(first.json), files: await installFiles(first, { signal }) };
  }
  if (as === undefined) {
    const names = wanted.map(({ json: { metadata } }) => `${metadata.name} ${metadata.version}`).join(', ');
    throw new BundleError('USAGE_INVALID', `bundles of several names need a name of their own: ${names}`, {
      hint: 'say what they are together: --as <name>@<version>',
    });
  }
  const header = uniteHeaders(wanted, as, version);
  const files = installFolder(header).map(({ name, text }) => ({ name: `install/${name}`, bytes: Buffer.from(text) }));
  return { header, files };
}

/** Bundles that only give a delta what it leaves out are left away. Throws NAME_COLLISION for two of one name that are not that. */
function withoutBases(bundles: readonly BundleFile[]): BundleFile[] {
  return bundles.filter((bundle, index) => {
    const later = bundles.slice(index + 1);
    const { name } = bundle.json.metadata;
    const same = later.findLast(({ json }) => json.metadata.name === name);
    if (same === undefined) return later.every(({ json }) => json.base?.digest !== bundle.parts[0]?.digest);
    if (same.absent.size > 0) return false;
    throw new BundleError('NAME_COLLISION', `${bundle.path} and ${same.path} are both bundles of ${name}`, {
      hint: 'give one of them; the base of a delta comes before the delta',
    });
  });
}
