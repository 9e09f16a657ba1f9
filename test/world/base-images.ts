/**
 * The public base images our Dockerfile names, made here from Debian's packages and this Node under their public names,
 * because tests reach no public registry.
 */
import { chmod, copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cached } from '../../build/cache.ts';
import { buildLocalImage, type LocalImage, type Store } from './buildah.ts';
import { unpackDebianPackages } from './debian-root.ts';

export const nodeImage = 'docker.io/library/node:24-bookworm-slim';
export const distrolessImage = 'gcr.io/distroless/cc-debian12:nonroot';

const libraries = ['base-files', 'libc6', 'libgcc-s1', 'libstdc++6'];

const distrolessDockerfile = `FROM scratch
COPY root/ /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
WORKDIR /home/nonroot
USER 65532
`;

const nodeDockerfile = `FROM scratch
COPY root/ /
COPY node /usr/local/bin/node
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin NODE_VERSION=${process.versions.node}
CMD ["node"]
`;

/** A store that holds the base images, made when the cache lacks it. */
export async function baseImageStore(options: { signal?: AbortSignal } = {}): Promise<Store> {
  const inputs = [distrolessDockerfile, nodeDockerfile, process.versions.node, libraries.join(), passwd];
  const folder = await cached('base-images', inputs, async (folder) => {
    const store = { folder };
    await withTempDir(async (root) => {
      await layDistroless(root, options);
      await buildLocalImage(store, distroless(root), options);
      await layNode(root, options);
      await buildLocalImage(store, node(root), options);
    });
  });
  return { folder };
}

function distroless(root: string): LocalImage {
  return { reference: distrolessImage, dockerfile: distrolessDockerfile, files: { root } };
}

function node(root: string): LocalImage {
  return { reference: nodeImage, dockerfile: nodeDockerfile, files: { root, node: process.execPath } };
}

const passwd = 'root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n';

/** Libraries, authorities and a user, but no shell. */
async function layDistroless(root: string, options: { signal?: AbortSignal }): Promise<void> {
  await unpackDebianPackages(root, libraries, options);
  await writeFile(join(root, 'etc/passwd'), passwd);
  await writeFile(join(root, 'etc/group'), 'root:x:0:\nnonroot:x:65532:\n');
  await mkdir(join(root, 'etc/ssl/certs'), { recursive: true });
  await copyFile('/etc/ssl/certs/ca-certificates.crt', join(root, 'etc/ssl/certs/ca-certificates.crt'));
  await mkdir(join(root, 'tmp'), { recursive: true });
  await chmod(join(root, 'tmp'), 0o1777);
}

/** On top of that a shell, as the slim image has one. */
async function layNode(root: string, options: { signal?: AbortSignal }): Promise<void> {
  await unpackDebianPackages(root, ['busybox-static'], options);
  await symlink('busybox', join(root, 'bin/sh'));
}

async function withTempDir(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'diolkos-root-'));
  await chmod(folder, 0o755);
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
