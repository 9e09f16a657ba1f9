/** Everything a user can be told went wrong. Public: scripts and the docs match on these. */
export type ErrorCode =
  // documents and command line
  | 'USAGE_INVALID'
  | 'SPEC_INVALID'
  | 'SITE_INVALID'
  | 'LOCK_INVALID'
  | 'LOCK_STALE'
  | 'FILE_UNREADABLE'
  | 'FILE_UNWRITABLE'
  | 'DISK_FULL'
  // references, registries, bytes
  | 'REFERENCE_INVALID'
  | 'CREDENTIALS_INVALID'
  | 'REGISTRY_UNREACHABLE'
  | 'REGISTRY_UNTRUSTED'
  | 'REGISTRY_DENIED'
  | 'REGISTRY_NOT_FOUND'
  | 'REGISTRY_LIMITED'
  | 'REGISTRY_FAILED'
  | 'PLATFORM_MISSING'
  | 'MANIFEST_INVALID'
  | 'DIGEST_MISMATCH'
  | 'SIZE_MISMATCH'
  | 'NAME_COLLISION'
  | 'TAG_CONFLICT'
  | 'BUNDLE_INVALID'
  | 'BUNDLE_DAMAGED'
  | 'VOLUME_MISSING'
  | 'BASE_MISSING'
  | 'SIGNATURE_INVALID'
  // charts
  | 'CHART_NOT_FOUND'
  | 'CHART_INVALID'
  | 'CHART_DEPENDENCIES_MISSING'
  | 'HELM_MISSING'
  | 'HELM_FAILED'
  | 'RENDER_FAILED'
  | 'RENDER_UNREADABLE'
  | 'REWRITE_UNPROVEN'
  | 'IMAGE_NOT_IN_BUNDLE'
  | 'IMAGE_NOT_FOUND'
  // cluster
  | 'CLUSTER_UNREACHABLE'
  | 'CLUSTER_FAILED'
  | 'RIGHTS_MISSING'
  | 'PREFLIGHT_FAILED'
  | 'RELEASE_PENDING'
  | 'HOOK_FAILED'
  | 'WORKLOAD_NOT_READY'
  | 'INSTALL_FAILED'
  | 'JOB_ELSEWHERE'
  | 'INTERRUPTED';

/**
 * An expected failure: something outside this program is not as it has to be. Anything else that is thrown is a bug.
 * Throw it where the fact is known; it is printed in one place (`src/main.ts`, `job/main.ts`).
 */
export class BundleError extends Error {
  override readonly name = 'BundleError';
  readonly code: ErrorCode;
  /** One sentence the user can act on. Printed on its own line, after the message. */
  readonly hint: string | undefined;

  // `options` goes to Error whole: passing `{ cause: undefined }` would print "[cause]: undefined".
  constructor(code: ErrorCode, message: string, options: { readonly hint?: string; readonly cause?: unknown } = {}) {
    super(message, options);
    this.code = code;
    this.hint = options.hint;
  }
}
