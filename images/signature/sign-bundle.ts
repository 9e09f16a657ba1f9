import { open } from 'node:fs/promises';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import { bundleJsonName, sealedBodies } from '../bundle/bundle-layout.ts';
import { type BundleFile, openBundle } from '../bundle/bundle-reader.ts';
import { writeRange } from '../file-range.ts';
import { parseMinisign } from './minisign.ts';
import { kindOf, signatureIn } from './signature-place.ts';
import type { Sign } from './signer.ts';
import { parseSigstore } from './sigstore-bundle.ts';

/**
 * Puts a signature into the place that a bundle keeps for one, in the file itself; every other byte stays. `sign` is given bundle.json as
 * it stands there. Killed in the middle it leaves a bad signature at worst, and signing again mends it. Throws SIGNATURE_INVALID (no
 * place, signed already unless `again`, no signature), FILE_UNWRITABLE, and what `openBundle` and `sign` throw.
 */
export async function signBundle(
  path: string,
  sign: Sign,
  options: { readonly again: boolean; readonly signal: AbortSignal },
): Promise<void> {
  const bundle = await openBundle(path, options);
  try {
    const place = await freePlace(bundle, options.again);
    const json = await bundle.readEntry(bundleJsonName, options);
    const signature = await sign(json, options);
    const text = signature.toString();
    if (kindOf(place) === 'minisign') parseMinisign(text.trimEnd(), 'what was signed');
    else parseSigstore(text, 'what was signed');
    await writeBodies(bundle, sealedBodies(json, place, signature));
  } finally {
    await bundle.close();
  }
}

async function freePlace({ path, json, parts, readRaw }: BundleFile, again: boolean) {
  const part = parts.find(({ name }) => name === json.signature?.name);
  if (json.signature === undefined || part === undefined) {
    throw new BundleError('SIGNATURE_INVALID', `${path} has no place for a signature`, {
      hint: 'build it with "sign: { minisign: { later: true } }" in the spec',
    });
  }
  if (again || signatureIn(await readRaw(part.position, part.size)) === undefined) return json.signature;
  throw new BundleError('SIGNATURE_INVALID', `${path} is signed already`, {
    hint: 'sign it with --again to replace the signature',
  });
}

async function writeBodies({ path, parts }: BundleFile, bodies: ReturnType<typeof sealedBodies>): Promise<void> {
  const file = await open(path, 'r+').catch((cause: unknown) => {
    throw new BundleError('FILE_UNWRITABLE', `cannot write ${path}`, {
      cause,
      hint: 'what is signed is one file that may be written; volumes are split from it afterwards',
    });
  });
  try {
    for (const { name, bytes } of bodies) {
      const part = parts.find((one) => one.name === name);
      if (part === undefined || part.size !== bytes.length) throw new Error(`${name} has no place of ${bytes.length} bytes`);
      if (name !== bundleJsonName) await writeRange(file, bytes, part.position);
    }
    await file.datasync();
  } finally {
    await file.close();
  }
}
