import { chmod, copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cached } from './cache.ts';
import { run } from './command.ts';

/** A program that anyone can build from the Go module proxy, down to the digest of its module. */
export interface GoProgram {
  /** The binary's file name, and its name in the cache. */
  readonly name: string;
  readonly module: string;
  readonly version: string;
  /** The module's digest as `go.sum` writes it. */
  readonly sum: string;
  /** The folders of its main packages within the module; the first is the program. */
  readonly packages: readonly string[];
  readonly ldflags?: readonly string[];
  readonly tags?: readonly string[];
}

export type Architecture = 'amd64' | 'arm64';

/** What Go and OCI call the architecture this process runs on. */
export const hostArchitecture: Architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';

/** The folder with the static Linux binaries of a program, built when the cache lacks them. */
export async function goProgram(program: GoProgram, arch: Architecture, options: { signal?: AbortSignal } = {}): Promise<string> {
  const { module, version, sum, packages, ldflags = [], tags = [] } = program;
  const definition = JSON.stringify({ module, version, sum, packages, ldflags, tags });
  return await cached(`${program.name}-${version}-${arch}`, [definition], async (folder) => {
    await assertModuleSum(program, options);
    await withTempDir(async (gopath) => {
      // `go install` refuses GOBIN when it cross-compiles, so the binaries are collected from a GOPATH of their own.
      const flags = ['-trimpath', '-buildvcs=false', '-tags', tags.join(','), '-ldflags', ['-s', '-w', ...ldflags].join(' ')];
      const goEnv = { ...(await goEnvironment(options)), GOPATH: gopath, GOOS: 'linux', GOARCH: arch, CGO_ENABLED: '0' };
      const targets = packages.map((path) => `${module}/${path}@${version}`);
      await run(['nice', '-n', '10', 'go', 'install', ...flags, ...targets], { ...options, env: goEnv });
      const bin = arch === hostArchitecture ? join(gopath, 'bin') : join(gopath, 'bin', `linux_${arch}`);
      for (const path of packages) {
        const built = path.split('/').at(-1) ?? path;
        const target = join(folder, path === packages[0] ? program.name : built);
        await copyFile(join(bin, built), target);
        await chmod(target, 0o755);
      }
    });
  });
}

/** The folder of a module's sources in Go's module cache. Throws when their digest is another. */
export async function goModuleFolder(program: GoProgram, options: { signal?: AbortSignal } = {}): Promise<string> {
  await assertModuleSum(program, options);
  return (await downloadModule(program, options)).Dir;
}

async function assertModuleSum(program: GoProgram, options: { signal?: AbortSignal }): Promise<void> {
  const { Sum } = await downloadModule(program, options);
  if (Sum !== program.sum) throw new Error(`${program.module}@${program.version} has the digest ${Sum}, expected ${program.sum}`);
}

async function downloadModule(program: GoProgram, options: { signal?: AbortSignal }): Promise<{ Dir: string; Sum: string }> {
  const { stdout } = await run(['go', 'mod', 'download', '-json', `${program.module}@${program.version}`], {
    ...options,
    cwd: tmpdir(),
  });
  return JSON.parse(stdout);
}

/** The environment for a build that shares the user's caches, though its GOPATH is another. */
export async function goEnvironment(options: { signal?: AbortSignal } = {}): Promise<NodeJS.ProcessEnv> {
  const { stdout } = await run(['go', 'env', '-json', 'GOMODCACHE', 'GOCACHE'], { ...options, cwd: tmpdir() });
  return { ...process.env, ...JSON.parse(stdout), GOBIN: '', GO111MODULE: 'on', GOWORK: 'off' };
}

async function withTempDir(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'diolkos-go-'));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
