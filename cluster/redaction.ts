import { parseYaml11 } from '../bundle-spec/located-yaml.ts';

/** Takes secret text out of a line before it is reported. */
export type Redact = (line: string) => string;

/** Shorter values (`true`, `web`, `5432`) say nothing and would make every line unreadable. */
const shortestSecret = 6;

/**
 * Replaces every string or number that stands in the given texts (YAML or JSON of Secrets that we read: values layers, registry
 * credentials) by `***`. What a chart or program prints may repeat them, and a report is read by more people than a Secret.
 */
export function redactSecrets(texts: readonly string[]): Redact {
  const secrets = new Set(texts.flatMap(scalarsOf).filter((secret) => secret.length >= shortestSecret));
  if (secrets.size === 0) return (line) => line;
  // Longest first: a secret that contains another must go whole.
  const pattern = new RegExp(
    [...secrets]
      .sort((a, b) => b.length - a.length)
      .map(escapePattern)
      .join('|'),
    'g',
  );
  return (line) => line.replace(pattern, '***');
}

function scalarsOf(text: string): readonly string[] {
  try {
    return parseYaml11(text).flatMap(leaves);
  } catch {
    // No YAML at all: nobody can tell which part is secret, so all of its lines are.
    return text.split('\n').map((line) => line.trim());
  }
}

function leaves(value: unknown): readonly string[] {
  if (typeof value === 'string') return value.split('\n').map((line) => line.trim());
  if (typeof value === 'number') return [String(value)];
  if (typeof value === 'object' && value !== null) return Object.values(value).flatMap(leaves);
  return [];
}

function escapePattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
