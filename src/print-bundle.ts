import type { BundleJson } from '../bundle-spec/bundle-json.ts';
import type { BundleFile } from '../images/bundle-reader.ts';
import type { Verified } from '../images/verify-bundle.ts';
import type { Format } from './commands/format-option.ts';
import { count, printJson, table } from './print-table.ts';
import { formatBytes } from './progress.ts';

/** Prints what a bundle holds. */
export function printBundle({ json, size }: BundleFile, format: Format): void {
  if (format === 'json') {
    printJson(json);
    return;
  }
  const { metadata, tool } = json;
  const { base, absent } = json;
  const delta = base === undefined ? '' : `, a delta to ${base.name} ${base.version} without ${count(absent.length, 'blob')}`;
  process.stdout.write(`${metadata.name} ${metadata.version}, ${formatBytes(size)}${delta}, written by diolkos ${tool}\n\n`);
  process.stdout.write(
    table([['RELEASE', 'NAMESPACE', 'CHART', 'AFTER'], ...json.releases.map((release) => releaseRow(json, release))]),
  );
  process.stdout.write(`\n${table([['IMAGE', 'DIGEST', 'PLATFORMS', 'SIZE'], ...json.images.map(imageRow)])}`);
}

/** Prints what `verify` checked. */
export function printVerified(file: string, verified: Verified, format: Format): void {
  if (format === 'json') {
    printJson(verified);
    return;
  }
  const how = verified.full ? 'every byte hashed' : 'blobs not read';
  const left = verified.absent === 0 ? '' : `, a delta: ${count(verified.absent, 'blob')} must be at the target`;
  process.stdout.write(
    `${file} is whole: ${count(verified.images, 'image')}, ${count(verified.blobs, 'blob')}, ${formatBytes(verified.bytes)}, ${how}${left}\n`,
  );
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
