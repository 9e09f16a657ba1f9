import type { Finding } from '../bundle-spec/finding.ts';
import type { Values } from '../bundle-spec/values-layer.ts';
import { redactSecrets } from '../cluster/redaction.ts';
import { isMap } from '../helm/values-path.ts';

/**
 * Findings without the passwords, tokens and keys of `values`: a chart may repeat them in the message with which it fails. Findings are
 * printed, cached and kept in the lock.
 */
export function redactFindings(findings: readonly Finding[], values: readonly Values[]): Finding[] {
  const redact = redactSecrets([JSON.stringify(values.flatMap((one) => secretsIn(one)))]);
  return findings.map(({ message, fix, ...finding }) => ({
    ...finding,
    message: redact(message),
    ...(fix === undefined ? {} : { fix: redact(fix) }),
  }));
}

const secretKey =
  /(?:password|passwd|pwd|passphrase|token|secret|credentials?|api[-_]?key|(?:private|access|secret|encryption)[-_]?key)$/i;

/** Scalars under keys that are called as secrets are, but for the names of Secrets. */
function secretsIn(value: unknown, key = ''): unknown[] {
  if (Array.isArray(value)) return value.flatMap((item) => secretsIn(item, key));
  if (isMap(value)) return Object.entries(value).flatMap(([name, item]) => secretsIn(item, name));
  return secretKey.test(key) && !/existing|name/i.test(key) ? [value] : [];
}
