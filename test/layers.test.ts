/** The layers of docs/architecture.md, read from the import statements: a folder knows the folders below it and no others. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '..');

const below: Readonly<Record<string, readonly string[]>> = {
  'bundle-spec': [],
  images: ['bundle-spec'],
  helm: ['bundle-spec', 'images'],
  cluster: ['bundle-spec', 'images', 'helm'],
  src: ['bundle-spec', 'images', 'helm', 'cluster'],
  job: ['bundle-spec', 'images', 'helm', 'cluster'],
};

/** Static, dynamic and type imports, re-exports, and the files that workers and child processes are started from. */
function importsOf(source: string): string[] {
  const patterns = [/\bfrom\s+'([^']+)'/g, /\bimport\s+'([^']+)'/g, /\bimport\(\s*'([^']+)'\s*\)/g, /\bnew URL\(\s*'(\.[^']+)'/g];
  return patterns.flatMap((pattern) => [...source.matchAll(pattern)].map((match) => match[1] ?? ''));
}

/** Everything that the files of one folder import: folders of this repository by name, packages as `npm:<name>`. */
function importsOfFolder(folder: string): { readonly file: string; readonly target: string }[] {
  return globSync(`${folder}/**/*.ts`, { cwd: root }).flatMap((file) =>
    importsOf(readFileSync(join(root, file), 'utf8')).map((specifier) => ({ file, target: targetOf(file, specifier) })),
  );
}

function targetOf(file: string, specifier: string): string {
  if (specifier.startsWith('node:')) return 'node';
  if (specifier.startsWith('.')) return relative(root, join(root, dirname(file), specifier)).split('/')[0] ?? '';
  return `npm:${/^(@[^/]+\/)?[^/]+/.exec(specifier)?.[0]}`;
}

/** What `dist/` is bundled with; docs/decisions/dependencies.md says why each. */
const bundled = ['@kubernetes/client-node', 'commander', 'js-yaml', 'p-limit', 'tar', 'undici', 'zod'];

for (const [folder, folders] of Object.entries(below)) {
  const packages = folder === 'bundle-spec' ? ['zod', 'js-yaml'] : bundled;
  const allowed = ['node', 'package.json', folder, ...folders, ...packages.map((name) => `npm:${name}`)];
  test(`${folder} imports only ${[...folders, folder === 'bundle-spec' ? 'zod and js-yaml' : 'packages of the product'].join(', ')}`, () => {
    const foreign = importsOfFolder(folder).filter(({ target }) => !allowed.includes(target));
    assert.deepEqual(foreign, []);
  });
}

test('imports of every form are seen', () => {
  const source = `import { a } from './a.ts';\nimport type { b } from './b.ts';\nimport './c.ts';\nconst d = await import('./d.ts');
export * from './e.ts';\ntype F = import('./f.ts').F;\nnew Worker(new URL('./g.ts', import.meta.url));\nimport {\n  h,\n} from './h.ts';`;
  assert.deepEqual(
    importsOf(source).sort(),
    ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((name) => `./${name}.ts`),
  );
});

test('@kubernetes/client-node is only imported lazily or for its types: it costs 0.35 s and 85 MB', () => {
  const eager = Object.keys(below)
    .flatMap((folder) => globSync(`${folder}/**/*.ts`, { cwd: root }))
    .filter((file) =>
      /^(import|export)\s+(?!type\b)[^;]*?from\s+'@kubernetes\/client-node/m.test(readFileSync(join(root, file), 'utf8')),
    );
  assert.deepEqual(eager, []);
});

test('no file is named utils.ts: a file is named after its main export', () => {
  const files = globSync('{bundle-spec,images,helm,cluster,src,job,test,build,bench,examples}/**/*.ts', { cwd: root });
  assert.ok(files.length > 50, 'the files were not found');
  assert.deepEqual(
    files.filter((file) => /^(utils?|helpers?|common|misc)\.ts$/.test(basename(file))),
    [],
  );
});
