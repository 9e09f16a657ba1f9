import { readdirSync, readFileSync } from 'node:fs';
import { chmod, rm, writeFile } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { build, type Metafile, type Plugin } from 'esbuild';
import { sourcesDigest } from '../src/code-digest.ts';

const checkout = join(import.meta.dirname, '..');

/** What is started by its file: all lie side by side, as the shared chunks do, so that one finds another by its own place. */
const entries = {
  diolkos: 'src/main.ts',
  job: 'job/main.ts',
  worker: 'images/transfer/worker.ts',
  'post-renderer': 'helm/post-render/post-renderer.ts',
};

/** Some packages are CommonJS, and ask for the modules of Node by `require`. */
const requiring = "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);";

/** zod has its messages in 60 languages, which every start would load; ours are English. */
const englishOnly: Plugin = {
  name: 'english-only',
  setup(program) {
    const filter = /[\\/]zod[\\/]v4[\\/]locales[\\/]index\.js$/;
    program.onLoad({ filter }, () => ({ contents: "export { default as en } from './en.js';" }));
  },
};

/**
 * Writes the program with all that it needs at run time into the empty or absent `folder`, as a few files of JavaScript: Node
 * loads them several times as fast as hundreds, and what was tested is what runs, to the last dependency. The names in stacks stay.
 */
export async function bundleProgram(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  const { metafile } = await build({
    absWorkingDir: checkout,
    entryPoints: entries,
    outdir: folder,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    minifySyntax: true,
    minifyWhitespace: true,
    banner: { js: requiring },
    define: { DIOLKOS_SOURCES: JSON.stringify(sourcesDigest(checkout)) },
    legalComments: 'none',
    plugins: [englishOnly],
    metafile: true,
    logLevel: 'warning',
  });
  await writeFile(join(folder, 'package.json'), '{"type":"module"}\n');
  await writeFile(join(folder, 'THIRD-PARTY-LICENSES.txt'), licencesOf(metafile));
  await chmod(join(folder, 'diolkos.js'), 0o755);
}

/** The licence of every package that a part of is in the bundle. */
function licencesOf({ inputs }: Metafile): string {
  const packages = new Set(
    Object.keys(inputs).flatMap((file) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1] ?? []),
  );
  const texts = [...packages].sort().map((path) => {
    const { name, version, license } = JSON.parse(readFileSync(join(checkout, path, 'package.json'), 'utf8'));
    const files = readdirSync(join(checkout, path)).filter((file) => /^(licen[cs]e|notice|copying)/i.test(file));
    const words = files.map((file) => readFileSync(join(checkout, path.split('/').join(sep), file), 'utf8').trim());
    return [`${name} ${version} (${license})`, ...words].join('\n\n');
  });
  return `${texts.join(`\n\n${'-'.repeat(80)}\n\n`)}\n`;
}
