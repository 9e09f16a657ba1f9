import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { BundleError } from '../../bundle-spec/bundle-error.ts';

/**
 * The text of a PEM file with certificates to trust. `what` names the file in errors, as the second half of "the certificates …".
 * Throws FILE_UNREADABLE, also for a file without a certificate: Node would trust nothing more and say nothing.
 */
export async function readCertificates(
  path: string,
  { what, hint, signal }: { readonly what: string; readonly hint: string; readonly signal: AbortSignal },
): Promise<string> {
  let text: string;
  try {
    text = await readFile(path, { encoding: 'utf8', signal });
  } catch (cause) {
    signal.throwIfAborted();
    throw new BundleError('FILE_UNREADABLE', `the certificates ${what}, cannot be read`, { hint, cause });
  }
  if (holdsCertificates(text)) return text;
  throw new BundleError(
    'FILE_UNREADABLE',
    `the certificates ${what}, are none: the file holds no PEM certificate that can be read`,
    {
      hint: `${hint}; it has "-----BEGIN CERTIFICATE-----" in it`,
    },
  );
}

/** True when every certificate of a PEM text can be read, and there is one. */
export function holdsCertificates(text: string): boolean {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  try {
    for (const block of blocks) new X509Certificate(block);
    return blocks.length > 0;
  } catch {
    return false;
  }
}
