/**
 * Writes the JSON Schemas of the documents (`bundle-spec/schemas/`) and their reference (`docs/spec.md`); with `--check` it
 * writes nothing and exits 1 when one of them is stale. Usage: `npm run schemas [-- --check]`.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { Bundle } from './bundle.ts';
import { BundleJson } from './bundle-json.ts';
import { ImageReasons } from './image-reasons.ts';
import { ImagesReport } from './images-report.ts';
import { LintReport } from './lint-report.ts';
import { Lock } from './lock.ts';
import { PartsJson } from './parts-json.ts';
import { RewriteReport } from './rewrite-report.ts';
import { Site } from './site.ts';
import { SiteReport } from './site-report.ts';
import { specReference } from './spec-reference.ts';

const root = join(import.meta.dirname, '..');

const documents = [
  { name: 'bundle', title: 'Bundle', schema: Bundle },
  { name: 'site', title: 'Site', schema: Site },
  { name: 'lock', title: 'Lock', schema: Lock },
  { name: 'bundle-json', title: 'bundle.json', schema: BundleJson },
  { name: 'parts-json', title: 'parts.json', schema: PartsJson },
  { name: 'site-report', title: 'SiteReport', schema: SiteReport },
  { name: 'images-report', title: 'ImagesReport', schema: ImagesReport },
  { name: 'image-reasons', title: 'ImageReasons', schema: ImageReasons },
  { name: 'lint-report', title: 'LintReport', schema: LintReport },
  { name: 'rewrite-report', title: 'RewriteReport', schema: RewriteReport },
];

/** The generated files by their path from the root of the repository. */
export function generatedFiles(): Map<string, string> {
  const files = new Map<string, string>();
  const schemas = documents.map(({ name, title, schema }) => {
    const { $schema, ...body } = z.toJSONSchema(schema, { io: 'input' });
    const complete = { $schema, $id: `https://diolkos.dev/schemas/v1/${name}.schema.json`, title, ...body };
    files.set(`bundle-spec/schemas/${name}.schema.json`, `${JSON.stringify(complete, null, 2)}\n`);
    return complete;
  });
  files.set('docs/spec.md', specReference(schemas));
  return files;
}

/** The generated files that are not as they should be. */
export function staleFiles(): string[] {
  return [...generatedFiles()].filter(([path, content]) => contentOf(join(root, path)) !== content).map(([path]) => path);
}

function contentOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function writeFiles(): void {
  for (const [path, content] of generatedFiles()) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
}

function check(): void {
  const stale = staleFiles();
  if (stale.length === 0) return;
  process.stderr.write(`error: not as the schemas say: ${stale.join(', ')}\nhint:  run npm run schemas\n`);
  process.exitCode = 1;
}

if (import.meta.main) {
  if (process.argv.includes('--check')) check();
  else writeFiles();
}
