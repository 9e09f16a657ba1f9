import { gzipSync } from 'node:zlib';
import type { Finding } from '../../bundle-spec/finding.ts';
import type { BaseRender } from '../base-render.ts';
import type { NestedFile } from '../charts/nested-files.ts';
import type { ParsedDocuments } from '../manifest-stream.ts';

export interface ReleaseSizeInput {
  readonly release: string;
  /** Files of the chart and its subcharts; helm stores those of the chart itself. */
  readonly files: readonly NestedFile[];
  readonly bases: readonly BaseRender[];
  readonly documents: ParsedDocuments;
}

/** What a Secret may hold, in bytes (`MaxSecretSize` of Kubernetes). */
const largestSecret = 1024 * 1024;

/**
 * RELEASE_TOO_LARGE: helm keeps each release in one Secret, as JSON of chart, manifest and values, gzipped, in base64 (`encodeRelease` in helm
 * pkg/storage/driver), and the API server refuses more than 1 MiB. Subcharts and the CRDs of `crds/` folders are not in it. An estimate, some
 * percent off; a warning from 80 % on.
 */
export function findReleaseSize(input: ReleaseSizeInput): Finding[] {
  const sizes = input.bases.map((base) => storedSize(base, input)).sort((a, b) => b - a);
  const [size = 0] = sizes;
  if (size < 0.8 * largestSecret) return [];
  const large = size > largestSecret;
  return [
    {
      severity: large ? 'error' : 'warning',
      code: 'RELEASE_TOO_LARGE',
      message: `helm would keep release ${input.release} in a Secret of about ${Math.round(size / 1024)} KiB; Kubernetes takes 1,024 at most`,
      where: largestFiles(input.files),
      fix: 'leave READMEs, dashboards, tests and documentation out of the chart (.helmignore), move CRDs into crds/, or split the release',
    },
  ];
}

function storedSize({ objects }: BaseRender, { files, documents }: ReleaseSizeInput): number {
  const manifest = textOf(objects, documents);
  const chart = storedFiles(files).map(({ path, body }) => ({ name: path, data: body.toString('base64') }));
  const text = JSON.stringify({ chart, manifest });
  // Compression wins back at least what base64 costs, so what is small now need not be compressed to know.
  if (text.length < 0.8 * largestSecret) return 0;
  const quick = inBase64(gzipSync(text, { level: 1 }).length);
  return quick < 0.8 * largestSecret ? quick : inBase64(gzipSync(text, { level: 9 }).length);
}

function inBase64(bytes: number): number {
  return Math.ceil(bytes / 3) * 4;
}

function storedFiles(files: readonly NestedFile[]): readonly NestedFile[] {
  const [root] = files;
  return files.filter(({ chart }) => chart === root?.chart);
}

/** Documents as rendered, where they are at hand: of a parsed CustomResourceDefinition the schema is gone. */
function textOf(objects: BaseRender['objects'], documents: ParsedDocuments): string {
  const texts = new Map([...documents].flatMap(([text, values]) => values.map((value): [unknown, string] => [value, text])));
  const stored = objects.filter(({ template }) => !/^[^/]+\/(?:charts\/[^/]+\/)*crds\//.test(template));
  return [...new Set(stored.map(({ value }) => texts.get(value) ?? JSON.stringify(value)))].join('---\n');
}

function largestFiles(files: readonly NestedFile[]): string {
  const sorted = storedFiles(files).toSorted((a, b) => b.body.length - a.body.length);
  return sorted
    .slice(0, 3)
    .map(({ path, body }) => `${path} (${Math.round(body.length / 1024)} KiB)`)
    .join(', ');
}
