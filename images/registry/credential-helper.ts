import { spawn } from 'node:child_process';
import { z } from 'zod';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import { jsonValue } from '../json-value.ts';
import type { Credentials } from './registry-access.ts';

const Reply = z.object({ Username: z.string(), Secret: z.string().min(1) });

/** A helper that asks a person or a cloud may take its time, but not all of it. */
const helperTimeoutMs = 60_000;

/**
 * What `docker-credential-<helper> get` knows about `server`, or `undefined` when it knows nothing. `from` names the file that wants
 * the helper. Throws CREDENTIALS_INVALID when it is absent or fails; what it printed is not shown.
 */
export async function askHelper(
  helper: string,
  server: string,
  { from, signal }: { readonly from: string; readonly signal: AbortSignal },
): Promise<Credentials | undefined> {
  if (!/^[\w.-]+$/.test(helper))
    throw new BundleError('CREDENTIALS_INVALID', `${from} names a credential helper that is no program's name`);
  const program = `docker-credential-${helper}`;
  const { code, stdout } = await run(program, server, from, signal);
  if (code !== 0) {
    if (/not found|no credentials|credentials missing/i.test(stdout)) return undefined;
    throw new BundleError('CREDENTIALS_INVALID', `${program}, which ${from} names, failed with exit code ${code}`, {
      hint: `try "echo ${server} | ${program} get"`,
    });
  }
  const reply = Reply.safeParse(jsonValue(stdout)).data;
  if (reply === undefined)
    throw new BundleError(
      'CREDENTIALS_INVALID',
      `${program}, which ${from} names, answered with something else than credentials`,
    );
  if (reply.Username === '<token>') return { from: program, identityToken: reply.Secret };
  return { from: program, username: reply.Username, password: reply.Secret };
}

function run(
  program: string,
  server: string,
  from: string,
  signal: AbortSignal,
): Promise<{ code: number | null; stdout: string }> {
  return new Promise((resolve, reject) => {
    // Not the `timeout` of spawn: its timer lives on when there is no such program.
    const limited = AbortSignal.any([signal, AbortSignal.timeout(helperTimeoutMs)]);
    const child = spawn(program, ['get'], { stdio: ['pipe', 'pipe', 'ignore'], signal: limited });
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text;
    });
    child.stdin.on('error', () => undefined); // a helper may not read at all
    child.stdin.end(`${server}\n`);
    child.on('error', (error) => reject(signal.aborted ? signal.reason : failure(program, from, error)));
    child.on('close', (code) => resolve({ code, stdout }));
  });
}

function failure(program: string, from: string, error: Error): BundleError {
  const absent = 'code' in error && error.code === 'ENOENT';
  const reason = absent ? 'is not on the PATH' : `failed: ${error.message}`;
  const hint = `install or repair it, or take it out of ${from}`;
  return new BundleError('CREDENTIALS_INVALID', `${program}, which ${from} names, ${reason}`, { hint, cause: error });
}
