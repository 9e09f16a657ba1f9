/**
 * Runs the test files of one suite with node:test and fails when none ran. Usage: `node test/run.ts unit [file or folder …]`.
 * node itself exits 0 when no file matches, which would be a green light for nothing.
 */
import { spawn } from 'node:child_process';
import { globSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');

const suites: Record<
  string,
  { readonly include: string; readonly exclude: readonly string[]; readonly args: readonly string[] }
> = {
  unit: { include: 'test/**/*.test.ts', exclude: ['test/world/**', 'test/full/**'], args: [] },
  world: {
    include: 'test/world/**/*.test.ts',
    exclude: [],
    args: ['--test-concurrency=1', '--test-global-setup=test/world/setup.ts'],
  },
  full: { include: 'test/full/**/*.test.ts', exclude: [], args: ['--test-concurrency=1'] },
};

const [suiteName = 'unit', ...wanted] = process.argv.slice(2);
const suite = suites[suiteName];
if (suite === undefined) {
  process.stderr.write(`error: no suite "${suiteName}"; there are ${Object.keys(suites).join(', ')}\n`);
  process.exit(64);
}
const files = globSync(suite.include, { cwd: root, exclude: [...suite.exclude] })
  .filter((file) => wanted.length === 0 || wanted.some((prefix) => file.startsWith(prefix.replace(/^\.\//, ''))))
  .sort();
if (files.length === 0) {
  process.stderr.write(`error: no test file of suite "${suiteName}" matches ${wanted.join(' ') || suite.include}\n`);
  process.exit(1);
}
const child = spawn(process.execPath, ['--test', ...suite.args, ...files], { cwd: root, stdio: 'inherit' });
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)));
