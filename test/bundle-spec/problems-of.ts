import assert from 'node:assert/strict';
import { Bundle } from '../../bundle-spec/bundle.ts';
import { BundleError, type ErrorCode } from '../../bundle-spec/bundle-error.ts';
import { checkBundle } from '../../bundle-spec/check-bundle.ts';
import { parseDocument } from '../../bundle-spec/parse-document.ts';

/** The message that a document is refused with; it must be in our words and show none of the secrets in the cases. */
export function problemsOf(parse: () => unknown, code: ErrorCode): string {
  try {
    parse();
  } catch (error) {
    assert.ok(error instanceof BundleError, String(error));
    assert.equal(error.code, code);
    assert.doesNotMatch(error.message, /invalid input|received|hunter2|1234|zod/i);
    return error.message;
  }
  return assert.fail('the document was accepted');
}

export const parseBundle = (text: string) =>
  parseDocument(Bundle, text, { file: 'bundle.yaml', code: 'SPEC_INVALID', check: checkBundle });
