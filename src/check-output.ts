import { resolve } from 'node:path';
import { BundleError } from '../bundle-spec/bundle-error.ts';
import { checkWritable } from '../images/output/output-disk.ts';
import { refuseTerminal } from './write-stdout.ts';

/** `-o -` is stdout; a file of that name is `./-`. */
export function isStdout(output: string): boolean {
  return output === '-';
}

/**
 * Finds out, before any work is done, whether `output` can be written. `inputs` are files that it must not replace, or volumes of them.
 * Throws USAGE_INVALID when it is one of them or a terminal, FILE_UNWRITABLE.
 */
export async function checkOutput(output: string, inputs: readonly string[]): Promise<void> {
  if (isStdout(output)) {
    refuseTerminal();
    return;
  }
  if (inputs.some((input) => wholeOf(input) === resolve(output))) {
    throw new BundleError('USAGE_INVALID', `the output ${output} would replace what the bundle is built from`, {
      hint: 'give -o another name, such as shop.tar',
    });
  }
  await checkWritable(output);
}

/** The name that all volumes of a bundle share, for a file that is none the file itself. */
function wholeOf(input: string): string {
  return resolve(input).replace(/\.(?:\d{3,4}|parts\.json)$/, '');
}
