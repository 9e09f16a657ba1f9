import { dirname } from 'node:path';
import type { Bundle } from '../bundle-spec/bundle.ts';
import { BundleError } from '../bundle-spec/bundle-error.ts';
import type { BundleJson } from '../bundle-spec/bundle-json.ts';
import type { Lock } from '../bundle-spec/lock.ts';
import type { Digest } from '../bundle-spec/names.ts';
import { blobSources } from '../images/blob-source.ts';
import { planBundle } from '../images/bundle/bundle-layout.ts';
import { type KnownBase, readBase } from '../images/bundle/delta-base.ts';
import { openReused, type ReusedBlobs } from '../images/bundle/reused-blobs.ts';
import { type ImagePlan, withAttached } from '../images/plan/image-plan.ts';
import { type PlanRequest, planImages } from '../images/plan/plan-images.ts';
import { isCompletedBy } from '../images/plan/tag-stem.ts';
import { formatReference, parseReference } from '../images/reference.ts';
import { openSigner, type Signer } from '../images/signature/signer.ts';
import { openTransfers, type Transfers } from '../images/transfer/transfers.ts';
import { bundleContents } from './bundle-contents.ts';
import { checkOutput, isStdout } from './check-output.ts';
import { type DiscoveredBundle, type DiscoveredImage, discoverSpec } from './discover-bundle.ts';
import { unmatchedPatterns } from './gated-policy.ts';
import { checkLock, checkLockedDigests, leftOut, lockBundle } from './lock-bundle.ts';
import { loadLock, lockFileOf, saveLock } from './lock-file.ts';
import { type OpenArchives, openArchives, withArchives } from './open-archives.ts';
import { type Installer, openInstaller } from './open-installer.ts';
import { count } from './print-table.ts';
import { formatBytes, type Progress } from './progress.ts';
import { readSpec } from './read-spec.ts';
import { sayPlanned } from './say-planned.ts';
import { openSpecRegistries, type SpecRegistries } from './spec-registries.ts';
import { type OutputShape, writeOutput } from './write-output.ts';

/** What was built. Sizes in bytes. */
export interface BuiltBundle {
  readonly output: string;
  readonly lock: string;
  readonly size: number;
  readonly charts: number;
  readonly images: number;
  readonly blobs: number;
  /** How many, where there are any. */
  readonly volumes?: number;
  /** Bytes of blobs that came from earlier bundles. */
  readonly reused: number;
  /** What a delta leaves out. */
  readonly absent?: { readonly base: string; readonly blobs: number; readonly bytes: number };
}

interface BuildOptions extends OutputShape {
  /** Take every digest from the lock beside the spec. */
  readonly locked: boolean;
  /** Leave out what this bundle, lock or site report says is there. */
  readonly base?: string;
  /** Earlier bundles to take blobs from, besides the file that is about to be replaced. */
  readonly reuse: readonly string[];
  /** Further directories with volumes of these. */
  readonly volumes: readonly string[];
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** What the stages of a build share. */
interface Build extends Omit<BuildOptions, 'base'> {
  /** Its `images.extra` names the images of archives too. */
  readonly spec: Bundle;
  readonly folder: string;
  readonly archives: OpenArchives;
  readonly registries: SpecRegistries;
  readonly transfers: Transfers;
  readonly installer: Installer | undefined;
  readonly lock: Lock | undefined;
  readonly signer: Signer | undefined;
  readonly base: KnownBase | undefined;
  readonly reused: ReusedBlobs;
}

/**
 * Builds `output` from the spec in `file`: finds every image, reads all manifests, plans the tar to the byte, then pulls each blob
 * once into its place, from an earlier bundle where one has it. The lock is written beside the spec when the tar is whole; with `locked` it is read and must fit.
 * Throws USAGE_INVALID, SPEC_INVALID, SIGNATURE_INVALID, CREDENTIALS_INVALID, LOCK_*, CHART_*, HELM_*, RENDER_*, REWRITE_UNPROVEN,
 * REGISTRY_*, PLATFORM_MISSING, DISK_FULL, FILE_*.
 */
export async function buildBundle(file: string, output: string, options: BuildOptions): Promise<BuiltBundle> {
  const { signal, locked } = options;
  const folder = dirname(file);
  const lockFile = lockFileOf(file);
  const written = await readSpec(file, { signal });
  const lock = locked ? await loadLock(lockFile, { signal }) : undefined;
  await checkOutput(output, [file, lockFile, ...(options.base === undefined ? [] : [options.base])]);
  if (!locked) await checkOutput(lockFile, []);
  const signer = written.sign === undefined ? undefined : await openSigner(written.sign, { folder, signal });
  if (signer !== undefined && signer.sign === undefined) refuseFinal(options);
  const base = options.base === undefined ? undefined : await readBase(options.base, options);
  const transfers = openTransfers();
  const opened: (Pick<Installer, 'close'> | undefined)[] = [transfers];
  try {
    const reused = await openEarlier(output, base, { ...options, transfers });
    opened.push(reused);
    const registries = await openSpecRegistries(written.sources, { folder, transfers, say: options.progress.say, signal });
    opened.push(registries);
    const archives = await openArchives(written.images.archives, { folder, transfers, signal });
    opened.push(archives);
    const spec = withArchives(written, archives);
    const installer = await openInstaller(spec, { folder, registries, transfers, signal });
    opened.push(installer);
    const build: Build = { ...options, spec, folder, archives, registries, transfers, installer, lock, signer, base, reused };
    return await runBuild(build, file, output);
  } finally {
    // The threads first: no file that they read is closed under them.
    for (const one of opened) await one?.close();
  }
}

async function runBuild(build: Build, file: string, output: string): Promise<BuiltBundle> {
  const { progress, signal } = build;
  const discovered = await discoverSpec(build.spec, build);
  const images = withInstaller(discovered.images, build.installer);
  progress.say(`${count(images.length, 'image')} in ${count(discovered.releases.length, 'release')}, every rewrite proven`);
  sayLeftOut(build, discovered, images);
  const { plans, lock } = await planAndLock(build, discovered, images);
  sayPlanned(plans, progress);
  const { place: signature, sign } = build.signer ?? {};
  const contents = bundleContents({
    discovered,
    plans,
    lock,
    installer: build.installer?.reference,
    ...(signature && { signature }),
    ...(build.base && { delta: build.base }),
  });
  sayOwnBase(build);
  const layout = planBundle(contents);
  progress.say(`${count(layout.blobs.size, 'blob')}, ${formatBytes(layout.size)} to write`);
  const sources = build.reused.before(blobSources(plans.flatMap(withAttached)));
  const shape = shapeOf(build);
  const written = await writeOutput(layout, output, {
    ...shape,
    sources,
    transfers: build.transfers,
    progress,
    signal,
    ...(sign && { sign }),
  });
  const lockFile = lockFileOf(file);
  if (build.lock === undefined) await saveLock(lockFile, lock);
  const signedLater = signature !== undefined && sign === undefined;
  if (signedLater) progress.say(`not signed yet: diolkos sign ${isStdout(output) ? '<file>' : output} --key <secret key>`);
  const { charts } = contents.header;
  const sizes = { size: layout.size, charts: charts.length, images: plans.length, blobs: layout.blobs.size };
  return { output, lock: lockFile, ...sizes, ...written, reused: build.reused.bytes, ...absentOf(layout.json) };
}

/** A signature that comes later changes the bytes that checksums are of. Throws USAGE_INVALID. */
function refuseFinal({ volumeSize, sums = false }: OutputShape): void {
  if (volumeSize === undefined && !sums) return;
  throw new BundleError('USAGE_INVALID', 'volumes and checksums are of bytes that a later signature changes', {
    hint: 'build one file and sign it; then sha256sum makes its checksum, and split -b 4000000000 --numeric-suffixes=1 -a 3 shop.tar shop.tar. its volumes',
  });
}

/** Each build writes its lock anew: by the second time, that lock is of this bundle, and a delta to it holds nothing. */
function sayOwnBase({ base, spec: { metadata }, progress }: Build): void {
  if (base === undefined || base.base.name !== metadata.name || base.base.version !== metadata.version) return;
  progress.say(
    `the base is ${metadata.name} ${metadata.version}, as is this bundle: give what the other side has, such as the lock of an earlier version`,
  );
}

/** The file that is about to be replaced, and a base that is a bundle, are asked for blobs too. */
async function openEarlier(
  output: string,
  known: KnownBase | undefined,
  { base, reuse, volumes, transfers, progress, signal }: BuildOptions & { readonly transfers: Transfers },
): Promise<ReusedBlobs> {
  const bases = known?.base.from === 'bundle' && base !== undefined ? [base] : [];
  const files = { required: [...reuse, ...bases], welcome: isStdout(output) ? [] : [output] };
  const onDamaged = (file: string, digest: Digest) => progress.say(`${file}: ${digest} is damaged there, and pulled anew`);
  return openReused(files, { volumes, transfers, signal, onDamaged });
}

function absentOf({ base, absent }: BundleJson): Pick<BuiltBundle, 'absent'> {
  if (base === undefined) return {};
  const bytes = absent.reduce((sum, [, size]) => sum + size, 0);
  return { absent: { base: `${base.name} ${base.version}`, blobs: absent.length, bytes } };
}

function shapeOf({ volumeSize, sums }: OutputShape): OutputShape {
  return { ...(volumeSize === undefined ? {} : { volumeSize }), ...(sums === undefined ? {} : { sums }) };
}

/** A bundle that leaves out what a site may switch on says so, and what to write where that is not wanted. */
function sayLeftOut({ progress, spec }: Build, { surveys }: DiscoveredBundle, images: readonly DiscoveredImage[]): void {
  const gated = new Set(leftOut(surveys, new Set(images.map(({ reference }) => reference))).map(({ reference }) => reference));
  const found = surveys.flatMap((survey) => survey.images.map(({ reference }) => reference));
  for (const pattern of unmatchedPatterns(spec.images.gated, found)) {
    progress.say(`images.gated: ${JSON.stringify(pattern)} matches no image of these charts`);
  }
  if (gated.size === 0) return;
  progress.say(
    `${count(gated.size, 'image')} behind switches left out, listed in the lock: a scan profile or images.gated brings ${gated.size === 1 ? 'it' : 'them'}`,
  );
}

function withInstaller(images: readonly DiscoveredImage[], installer: Installer | undefined): readonly DiscoveredImage[] {
  if (installer === undefined) return images;
  const reference = formatReference(installer.reference);
  const own: DiscoveredImage = { reference, class: 'installer', gates: [], valuesPaths: [], places: [] };
  return [...images.filter((image) => image.reference !== reference), own].sort((a, b) => (a.reference < b.reference ? -1 : 1));
}

async function planAndLock(
  { spec, archives, registries, installer, lock, reused, signal }: Build,
  discovered: DiscoveredBundle,
  images: readonly DiscoveredImage[],
): Promise<{ readonly plans: readonly ImagePlan[]; readonly lock: Lock }> {
  const extra = spec.images.extra.map((text) => parseReference(text));
  const isStem = (reference: string): boolean => isCompletedBy(parseReference(reference), extra);
  if (lock !== undefined) checkLock(lock, discovered.releases, withoutStems(images, lock, isStem));
  const lockedImages = new Map(lock?.images.map((image) => [image.reference, image]));
  const ownName = installer === undefined ? undefined : formatReference(installer.reference);
  const { attached, attestations } = spec.images;
  const fixed = fixedDigests(images);
  const requests = images.map(({ reference: text }): PlanRequest => {
    const locked = lockedImages.get(text);
    const reference = parseReference(text);
    const digestFromValues = reference.digest !== undefined && !fixed.has(reference.digest);
    // `install/installer.tar` is for importers, some of which stop at an index that is not whole.
    const sparse = spec.images.sparse && text !== ownName;
    const wanted = { reference, digestFromValues, isStem: isStem(text), sparse, attached, attestations };
    return locked === undefined ? wanted : { ...wanted, locked: locked.source, lockedAttached: locked.attached ?? [] };
  });
  const plans = await planImages(requests, {
    locate: (reference) => {
      const name = formatReference(reference);
      const own = name === ownName ? installer?.located : archives.images.get(name);
      return reused.located(own ?? registries.locate(reference));
    },
    platforms: spec.target.platforms,
    signal,
  });
  const planned = lockBundle(discovered, images, plans);
  if (lock === undefined) return { plans, lock: planned };
  checkLockedDigests(lock, planned);
  return { plans, lock };
}

/** Digests that one image at least is pulled by, whatever the values say. What takes its place goes by digest, so no other image may move either. */
function fixedDigests(images: readonly DiscoveredImage[]): ReadonlySet<Digest> {
  const fixed = images.filter(({ digestFromValues }) => digestFromValues !== true);
  return new Set(fixed.flatMap(({ reference }) => parseReference(reference).digest ?? []));
}

/** A stem that was no image when the lock was made is none now. */
function withoutStems(
  images: readonly DiscoveredImage[],
  lock: Lock,
  isStem: (reference: string) => boolean,
): readonly DiscoveredImage[] {
  const locked = new Set(lock.images.map(({ reference }) => reference));
  return images.filter(({ reference }) => locked.has(reference) || !isStem(reference));
}
