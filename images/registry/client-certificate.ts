import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { BundleError } from '../../bundle-spec/bundle-error.ts';

/** A certificate and its key (PEM), by which a registry knows its client. */
export interface ClientCertificate {
  readonly cert: string;
  readonly key: string;
}

/**
 * Reads a client certificate and its key. `what` says who names the files. Throws FILE_UNREADABLE, also when the two do not belong
 * together or the key wants a passphrase; what is in the files is never shown.
 */
export async function readClientCertificate(
  files: ClientCertificate,
  { what, signal }: { readonly what: string; readonly signal: AbortSignal },
): Promise<ClientCertificate> {
  const [cert, key] = await Promise.all(
    [files.cert, files.key].map(async (path) => {
      try {
        return await readFile(path, { encoding: 'utf8', signal });
      } catch (cause) {
        signal.throwIfAborted();
        throw new BundleError('FILE_UNREADABLE', `${path}, of the client certificate ${what}, cannot be read`, { cause });
      }
    }),
  );
  const pair = { cert: cert ?? '', key: key ?? '' };
  checkPair(pair, `the client certificate ${what}`);
  return pair;
}

/** Throws FILE_UNREADABLE unless certificate and key belong together. */
export function checkPair(pair: ClientCertificate, what: string): void {
  try {
    createSecureContext({ ...pair });
  } catch (error) {
    // Not the error itself: it may quote what it read.
    const code = error instanceof Error && 'code' in error ? ` (${error.code})` : '';
    throw new BundleError('FILE_UNREADABLE', `${what} cannot be used${code}`, {
      hint: 'cert holds the certificate with its chain, key its private key without a passphrase, both PEM',
    });
  }
}
