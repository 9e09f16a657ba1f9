/** Real programs as images, for tests to push under whatever names they need. */
import { cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cached } from '../../build/cache.ts';
import { run } from '../../build/command.ts';
import { goModuleFolder, goProgram, hostArchitecture } from '../../build/go-program.ts';
import { buildLocalImage, type LocalImage, writeArchive } from './buildah.ts';
import { podinfo } from './machine/programs.ts';

/** An OCI archive of one image, and the name it bears in there. */
export interface ImageArchive {
  readonly archive: string;
  readonly reference: string;
}

/** Also the pause image: given no command it sleeps. */
const busyboxReference = 'docker.io/library/busybox:1.35';
const podinfoReference = 'ghcr.io/stefanprodan/podinfo:6.9.2';

const busyboxDockerfile = `FROM scratch
COPY bin/ /bin/
ENV PATH=/bin
CMD ["sleep", "infinity"]
`;

/** As upstream lays it out, less the package manager: the chart runs ./podinfo and probes with podcli. */
const podinfoDockerfile = `FROM scratch
COPY podcli /usr/local/bin/podcli
COPY podinfo /home/app/podinfo
COPY ui/ /home/app/ui/
ENV PATH=/usr/local/bin
WORKDIR /home/app
USER 100
CMD ["./podinfo"]
`;

/** Debian's static busybox under the names of its commands. Its `wget` crashes; the others work. */
export async function busyboxImage(options: { signal?: AbortSignal } = {}): Promise<ImageArchive> {
  const { stdout: version } = await run(['dpkg-query', '--show', 'busybox-static'], options);
  return await archived('busybox', busyboxReference, [busyboxDockerfile, version], options, async (folder) => {
    const bin = join(folder, 'bin');
    await mkdir(bin);
    await run(['cp', '/bin/busybox', bin], options);
    const { stdout } = await run(['/bin/busybox', '--list'], options);
    for (const name of stdout
      .trim()
      .split('\n')
      .filter((name) => name !== 'busybox'))
      await symlink('busybox', join(bin, name));
    return { dockerfile: busyboxDockerfile, files: { bin } };
  });
}

/** podinfo 6.9.2 as its chart wants it. */
export async function podinfoImage(options: { signal?: AbortSignal } = {}): Promise<ImageArchive> {
  return await archived('podinfo-image', podinfoReference, [podinfoDockerfile, podinfo.sum], options, async () => {
    const programs = await goProgram(podinfo, hostArchitecture, options);
    const ui = join(await goModuleFolder(podinfo, options), 'ui');
    const files = { podinfo: join(programs, 'podinfo'), podcli: join(programs, 'podcli'), ui };
    return { dockerfile: podinfoDockerfile, files };
  });
}

/** The folder of podinfo's own chart, as its module brings it. */
export async function podinfoChart(options: { signal?: AbortSignal } = {}): Promise<string> {
  const folder = await cached('podinfo-chart', [podinfo.sum], async (folder) => {
    const chart = join(await goModuleFolder(podinfo, options), 'charts/podinfo');
    await cp(chart, join(folder, 'podinfo'), { recursive: true });
    await run(['chmod', '-R', 'u+w', folder], options); // Go's cache is read-only
  });
  return join(folder, 'podinfo');
}

type Lay = (folder: string) => Promise<Omit<LocalImage, 'reference'>>;

async function archived(
  name: string,
  reference: string,
  inputs: readonly string[],
  options: { signal?: AbortSignal },
  lay: Lay,
): Promise<ImageArchive> {
  const folder = await cached(name, [reference, hostArchitecture, ...inputs], async (folder) => {
    const scratch = await mkdtemp(join(tmpdir(), 'diolkos-image-'));
    try {
      const store = { folder: join(scratch, 'store') };
      await buildLocalImage(store, { reference, ...(await lay(scratch)) }, options);
      await writeArchive(store, reference, join(folder, 'image.tar'), options);
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  });
  return { archive: join(folder, 'image.tar'), reference };
}
