import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { BundleError } from '../../bundle-spec/bundle-error.ts';

export interface CosignOptions {
  /** What `cosign --key` takes: a file, or the URI of a key in a KMS. */
  readonly key: string;
  /** Of a key file; without it cosign looks for COSIGN_PASSWORD itself. */
  readonly password?: string;
  readonly signal: AbortSignal;
}

/**
 * Has the program `cosign` (3 or newer; `DIOLKOS_COSIGN`, else the one on the PATH) sign `message` and gives the sigstore bundle it writes.
 * Nothing goes to a transparency log: what a bundle holds is nobody else's business. Throws SIGNATURE_INVALID with cosign's words.
 */
export async function runCosign(message: Buffer, { key, password, signal }: CosignOptions): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'diolkos-sign-'));
  try {
    const file = join(folder, 'bundle.json');
    const output = join(folder, 'bundle.json.sigstore.json');
    await writeFile(file, message, { signal });
    // A signing config without services would say the same, but with one cosign asks for Sigstore's root over the network first.
    const flags = ['--key', key, '--bundle', output, '--use-signing-config=false', '--tlog-upload=false', '--yes'];
    await cosign(['sign-blob', ...flags, file], password, signal);
    return await readFile(output, { signal });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Throws SIGNATURE_INVALID unless there is a cosign that knows sigstore bundles, so that this is told before anything is fetched. */
export async function checkCosign({ signal }: { readonly signal: AbortSignal }): Promise<void> {
  const told = await cosign(['version'], undefined, signal);
  const [, major = ''] = /GitVersion:\s+v?(\d+)\./.exec(told) ?? [];
  if (major === '' || Number(major) >= 3) return;
  throw new BundleError('SIGNATURE_INVALID', `cosign is of version ${major}, and 3 or newer is needed`, { hint: install });
}

const install = 'install cosign 3 or newer, or point DIOLKOS_COSIGN at one';

/** What cosign printed. It reads no input: a password that is missing is an error, not a question. */
async function cosign(args: readonly string[], password: string | undefined, signal: AbortSignal): Promise<string> {
  const env = { ...process.env, ...(password === undefined ? {} : { COSIGN_PASSWORD: password }) };
  const child = spawn(process.env.DIOLKOS_COSIGN || 'cosign', args, { env, signal, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
  const [code, stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)]).catch((cause: unknown) => {
    signal.throwIfAborted();
    throw new BundleError('SIGNATURE_INVALID', 'cosign cannot be started', { hint: install, cause });
  });
  if (code === 0) return stdout;
  const said = /^Error: (.*)$/m.exec(stderr)?.[1] ?? stderr.trim().split('\n').slice(-3).join('\n');
  throw new BundleError('SIGNATURE_INVALID', `cosign does not sign: ${password ? said.replaceAll(password, '…') : said}`, {
    hint: 'the spec names the key, and the variable with its password: sign: { cosign: { key: …, password: { env: NAME } } }',
  });
}
