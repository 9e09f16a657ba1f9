/**
 * Runs the test files of one suite with node:test: `node test/run.ts unit|world|full [--sample] [file or folder …]`. With `--sample` the
 * full suite does a little of everything.
 * node itself exits 0 when no file matches and when tests are skipped, which would be a green light for nothing: here no test is a
 * failure, and in CI (`CI=true`) a skipped one is too.
 */
import { globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

const root = join(import.meta.dirname, '..');

interface Suite {
  readonly include: string;
  readonly exclude?: readonly string[];
  /** Files at the same time. Default: as many as there are cores; node would leave one idle. */
  readonly concurrency?: number;
  readonly globalSetup?: string;
}

const suites: Readonly<Record<string, Suite>> = {
  unit: { include: 'test/**/*.test.ts', exclude: ['test/world/**', 'test/full/**'] },
  world: { include: 'test/world/**/*.test.ts', concurrency: 1, globalSetup: 'test/world/setup.ts' },
  full: { include: 'test/full/**/*.test.ts', concurrency: 1 },
};

const [name = 'unit', ...rest] = process.argv.slice(2);
const wanted = rest.filter((argument) => argument !== '--sample');
const isSample = wanted.length < rest.length;
if (isSample) process.env.DIOLKOS_SAMPLE = 'true';
const suite = suites[name];
if (suite === undefined) fail(`no suite "${name}"; there are ${Object.keys(suites).join(', ')}`, 64);
const files = globSync(suite.include, { cwd: root, exclude: [...(suite.exclude ?? [])] })
  .filter((file) => wanted.length === 0 || wanted.some((prefix) => file.startsWith(prefix.replace(/^\.\//, ''))))
  .sort();
if (files.length === 0) fail(`no test file of suite "${name}" matches ${wanted.join(' ') || suite.include}`, 1);

// Sources stripped and compiled once for all processes of the tests; node keys them by content.
process.env.NODE_COMPILE_CACHE ??= join(root, 'node_modules/.cache/node');

const counts = { tests: 0, skipped: 0, failed: 0 };
const controller = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => controller.abort());
const stream = run({
  files: files.map((file) => join(root, file)),
  cwd: root,
  // A sample mostly waits, for slow registries and for links.
  concurrency: isSample ? availableParallelism() : (suite.concurrency ?? availableParallelism()),
  signal: controller.signal,
  ...(suite.globalSetup === undefined ? {} : { globalSetupPath: join(root, suite.globalSetup) }),
});
stream.on('test:summary', (summary) => {
  if (summary.file !== undefined) return; // that of one file; the last one has all
  counts.tests = summary.counts.tests;
  counts.skipped = summary.counts.skipped + summary.counts.todo;
  if (!summary.success) counts.failed = 1;
});
const report = stream.compose(new spec());
report.pipe(process.stdout);
await finished(report);
if (controller.signal.aborted) process.exitCode = 130;
else if (counts.failed > 0) process.exitCode = 1;
else if (counts.tests === 0) fail(`suite "${name}" ran no test`, 1);
else if (counts.skipped > 0 && process.env.CI === 'true') fail(`${counts.skipped} tests were skipped, and in CI none may be`, 1);

function fail(message: string, code: number): never {
  process.stderr.write(`error: ${message}\n`);
  process.exit(code);
}
