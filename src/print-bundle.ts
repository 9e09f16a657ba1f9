import type { BundleJson } from '../bundle-spec/bundle-json.ts';
import type { BundleFile } from '../images/bundle/bundle-reader.ts';
import type { Verified } from '../images/bundle/verify-bundle.ts';
import type { FoundSignature } from '../images/signature/check-signature.ts';
import type { Format } from './commands/format-option.ts';
import { count, printJson, table } from './print-table.ts';
import { formatBytes } from './progress.ts';

/** Prints what a bundle holds. As JSON that is its bundle.json, and as `signedBy` what its signature says, where it has one. */
export function printBundle({ json, size }: BundleFile, signature: FoundSignature | undefined, format: Format): void {
  if (format === 'json') {
    printJson(signature === undefined ? json : { ...json, signedBy: signature });
    return;
  }
  const { metadata, tool } = json;
  const { base, absent } = json;
  const delta = base === undefined ? '' : `, a delta to ${base.name} ${base.version} without ${count(absent.length, 'blob')}`;
  const written = `written by diolkos ${tool}, ${describeSignature(signature)}`;
  process.stdout.write(`${metadata.name} ${metadata.version}, ${formatBytes(size)}${delta}, ${written}\n\n`);
  process.stdout.write(
    table([['RELEASE', 'NAMESPACE', 'CHART', 'AFTER'], ...json.releases.map((release) => releaseRow(json, release))]),
  );
  process.stdout.write(`\n${table([['IMAGE', 'DIGEST', 'PLATFORMS', 'SIZE'], ...json.images.map(imageRow)])}`);
  const notes = imageNotes(json.images);
  if (notes.length > 0) process.stdout.write(`\n${notes.join('\n')}\n`);
}

/** What the table does not show of images, a line each. */
function imageNotes(images: BundleJson['images']): string[] {
  const attached = new Set(images.flatMap((image) => (image.attached ?? []).map(({ digest }) => digest))).size;
  const sparse = images.filter(({ mode }) => mode === 'sparse').map(({ reference }) => reference);
  const archived = images.filter(({ archive }) => archive !== undefined);
  return [
    ...(attached === 0 ? [] : [`with them: ${count(attached, 'artifact')} (signatures, attestations, SBOMs)`]),
    ...(sparse.length === 0 ? [] : [`without all platforms of the index: ${sparse.join(', ')}`]),
    ...archived.map(({ reference, archive }) => `from an archive: ${reference} (${archive})`),
  ];
}

/** Prints what `verify` checked. */
export function printVerified(file: string, verified: Verified, signature: FoundSignature | undefined, format: Format): void {
  if (format === 'json') {
    printJson({ ...verified, ...(signature === undefined ? {} : { signedBy: signature }) });
    return;
  }
  const [state, how] = verified.full ? ['is whole', 'every byte hashed'] : ['looks whole', 'blobs not read'];
  const left = verified.absent === 0 ? '' : `, a delta: ${count(verified.absent, 'blob')} must be at the target`;
  const signed = signature === undefined ? '' : `, ${describeSignature(signature)}`;
  process.stdout.write(
    `${file} ${state}: ${count(verified.images, 'image')}, ${count(verified.blobs, 'blob')}, ${formatBytes(verified.bytes)}, ${how}${left}${signed}\n`,
  );
}

/** Prints what `sign` put into a bundle. */
export function printSigned(file: string, signature: FoundSignature | undefined, format: Format): void {
  if (format === 'json') printJson({ signedBy: signature });
  else process.stdout.write(`${file} is ${describeSignature(signature)}\n`);
}

/** The end of a sentence about a bundle. */
export function describeSignature(signature: FoundSignature | undefined): string {
  if (signature === undefined) return 'not signed';
  const { kind, keyId, proven } = signature;
  const key = `${kind} key${keyId === '' ? '' : ` ${keyId}`}`;
  return proven ? `signed by ${key}` : `signed by ${key} as it says (prove it: diolkos verify --key)`;
}

function releaseRow(json: BundleJson, release: BundleJson['releases'][number]): string[] {
  const chart = json.charts.find(({ manifest }) => manifest === release.chart);
  return [release.name, release.namespace.name, `${chart?.name} ${chart?.version}`, release.dependsOn.join(', ') || '-'];
}

function imageRow(image: BundleJson['images'][number]): string[] {
  return [
    image.reference,
    image.digest.slice(0, 'sha256:'.length + 12),
    image.platforms.join(', ') || '-',
    formatBytes(image.size),
  ];
}
