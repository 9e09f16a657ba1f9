import type { Finding } from '../../bundle-spec/finding.ts';
import type { Values } from '../../bundle-spec/values-layer.ts';
import { formatPath, isMap, type Path } from '../values-path.ts';

/**
 * PASSWORD_IN_VALUES for every key that by its name holds a password, token or key and has a text: it is stored readable in the release, in the
 * bundle, and is the same wherever the chart is installed. Names the path, never the value.
 */
export function findPasswords(values: Values): Finding[] {
  return [...secretsIn(values, [])].map((path) => ({
    severity: 'warning',
    code: 'PASSWORD_IN_VALUES',
    message: `${formatPath(path)} has a readable value: whoever has the chart or the bundle knows it`,
    where: formatPath(path),
    fix: 'give it behind the gap: a values layer from a Secret (values: - secret: {name: …}), or a Secret that the chart is told the name of',
  }));
}

const secretKey =
  /(?:password|passwd|passphrase|(?:^|[a-z])token|client[-_]?secret|cookie[-_]?secret|secret[-_]?(?:key|token|access[-_]?key)|shared[-_]?secret|api[-_]?key|private[-_]?key|encryption[-_]?key|access[-_]?key|(?:^|_)pass|(?:^|_)token)$/i;

/** Names that say where a secret is, how long, or of which kind. */
const notSecret =
  /(?:existing|name|path|file|ref|mount|policy|length|type|algorithm|ttl|expir|header|field|env|url|automount|service[-_]?account|(?:bootstrap|cluster)[-_]?token$)/i;

function* secretsIn(value: unknown, path: Path): Generator<Path> {
  if (Array.isArray(value)) for (const [index, item] of value.entries()) yield* secretsIn(item, [...path, index]);
  if (!isMap(value)) return;
  for (const [key, entry] of Object.entries(value)) {
    const here = [...path, key];
    // Below `secretKeys` stand the names of the keys of a Secret.
    if (typeof entry !== 'string') yield* /secret[-_]?keys$/i.test(key) ? [] : secretsIn(entry, here);
    else if (isSecret(key, entry)) yield here;
  }
}

function isSecret(key: string, text: string): boolean {
  if (text.trim() === '' || /\{\{|^\$[({]|^\/|^[A-Z][A-Z0-9_]+$|:\/\/|^(?:true|false|null)$/.test(text)) return false;
  if (key.toLowerCase() === 'secret') return !/^[a-z0-9][a-z0-9.-]*$/.test(text) || common.test(text);
  if (!secretKey.test(key) || notSecret.test(key)) return false;
  // What ends in "Key" is the key itself, or the name it has in a Secret.
  return !/key$/i.test(key) || !/^[a-zA-Z]+(?:[-._][a-zA-Z]+)+$/.test(text) || common.test(text);
}

const common = /^(?:secret|password|change-?me|admin|not-a-secure-key|\d+)$/i;
