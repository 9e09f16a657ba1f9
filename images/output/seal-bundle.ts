import type { BundleJson } from '../../bundle-spec/bundle-json.ts';
import type { Digest } from '../../bundle-spec/names.ts';
import { type BundleLayout, type SealedBody, unknownDigest } from '../bundle/bundle-layout.ts';
import { blockSize, tarHeader } from '../bundle/tar-header.ts';
import type { OutputVolumes } from './output-volumes.ts';

/** bundle.json with the digests of the entries that hold blobs, which `digest` gives for a range of the tar: a few megabytes. */
export async function completeJson(
  { files, json }: BundleLayout,
  digest: (position: number, size: number) => Promise<Digest>,
): Promise<BundleJson> {
  const positions = new Map(files.map((file) => [file.name, file.position]));
  const entries: BundleJson['entries'] = [];
  for (const entry of json.entries) {
    const known = entry.digest !== unknownDigest;
    entries.push(known ? entry : { ...entry, digest: await digest(positions.get(entry.name) ?? 0, entry.size) });
  }
  return { ...json, entries };
}

/** Until the first header stands, which is written last, no reader can take the file for a bundle. */
export async function writeSealed(volumes: OutputVolumes, layout: BundleLayout, bodies: readonly SealedBody[]): Promise<void> {
  const places = new Map(layout.files.map((file) => [file.name, file]));
  for (const { name, bytes } of bodies.toReversed()) {
    const { size, position } = places.get(name) ?? { size: -1, position: 0 };
    if (bytes.length !== size) throw new Error(`${name} was planned with ${size} bytes and has ${bytes.length}`);
    await volumes.write(bytes, position);
    await volumes.write(tarHeader(name, size), position - blockSize);
  }
}
