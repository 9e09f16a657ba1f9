import { chmod, cp } from 'node:fs/promises';
import { join } from 'node:path';
import { cached } from '../../../build/cache.ts';
import { run } from '../../../build/command.ts';
import { type GoProgram, goEnvironment, goModuleFolder, hostArchitecture } from '../../../build/go-program.ts';

/**
 * Gitea, for its container registry. The newest whose modules can all be had: those from 1.27.0 on want some of gitea.dev, which the Go
 * proxy does not serve.
 */
export const gitea: GoProgram = {
  name: 'gitea',
  module: 'code.gitea.io/gitea',
  version: 'v1.26.0',
  sum: 'h1:fJP9dqLbzKrKWUVnCVTfVersZdVDuyJQLEDzCAOmKKA=',
  packages: ['.'],
  tags: ['sqlite', 'sqlite_unlock_notify'],
};

/** Read by Gitea as it starts; the pages for browsers were not built, and are not needed. */
const staticFolders = ['options', 'templates', 'public'];

/**
 * The folder with `gitea` and `static/`, built when the cache lacks it: some 5 CPU minutes, once. Its module has replace directives, which
 * `go install` refuses, and its SQLite is C: so it is built in the module's own folder, with cgo.
 */
export async function giteaFolder(options: { signal?: AbortSignal } = {}): Promise<string> {
  const { name, version, tags = [] } = gitea;
  return cached(`${name}-${version}-${hostArchitecture}`, [JSON.stringify(gitea)], async (folder) => {
    const source = await goModuleFolder(gitea, options);
    const env = { ...(await goEnvironment(options)), CGO_ENABLED: '1', GOFLAGS: '-mod=readonly' };
    const flags = ['-trimpath', '-buildvcs=false', '-tags', tags.join(','), '-ldflags', `-s -w -X main.Version=${version}`];
    await run(['nice', '-n', '10', 'go', 'build', ...flags, '-o', join(folder, name), '.'], { ...options, cwd: source, env });
    for (const one of staticFolders) {
      await cp(join(source, one), join(folder, 'static', one), { recursive: true });
      await run(['chmod', '-R', 'u+w', join(folder, 'static', one)], options); // Go's module cache is read-only
    }
    await chmod(join(folder, name), 0o755);
  });
}
