import { write } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { BundleError } from '../bundle-spec/bundle-error.ts';
import { hasCode } from '../images/output/disk-failure.ts';

const writeSome = promisify(write);

/** A reader that takes nothing is asked again after this time, where stdout does not wait by itself. */
const pauseMs = 5;

/**
 * Writes all of `bytes` to stdout. A bundle goes past Node's stream: that would hold up the whole program while the reader is slow.
 * Throws FILE_UNWRITABLE (also when the reader has ended) and DISK_FULL.
 */
export async function writeStdout(bytes: Buffer): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    try {
      written += (await writeSome(1, bytes, written, bytes.length - written, null)).bytesWritten;
    } catch (error) {
      if (!hasCode(error, 'EAGAIN')) throw failure(error);
      await sleep(pauseMs);
    }
  }
}

/** Throws USAGE_INVALID when stdout is a terminal, where a tar helps nobody. */
export function refuseTerminal(): void {
  if (!process.stdout.isTTY) return;
  throw new BundleError('USAGE_INVALID', 'the bundle would be written to the terminal', {
    hint: "with -o - stdout has to be a pipe or a file: diolkos build bundle.yaml -o - | ssh host 'cat > shop.tar'",
  });
}

function failure(cause: unknown): BundleError {
  if (hasCode(cause, 'EPIPE')) {
    return new BundleError('FILE_UNWRITABLE', 'whoever reads the bundle from stdout has ended before it was whole', {
      hint: 'what it has is no bundle; a build into a file can be continued, one into a pipe cannot',
      cause,
    });
  }
  if (hasCode(cause, 'ENOSPC') || hasCode(cause, 'EDQUOT')) {
    return new BundleError('DISK_FULL', 'the disk that stdout is written to is full', { hint: 'make room', cause });
  }
  return new BundleError('FILE_UNWRITABLE', `cannot write to stdout: ${cause instanceof Error ? cause.message : cause}`, {
    cause,
  });
}
