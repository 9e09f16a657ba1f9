import { placeholderHost } from '../gates/gate-knowledge.ts';
import type { Path } from '../values-path.ts';

/** What is known of a value that is missing. */
export interface Missing {
  readonly path: Path;
  /** What it has to be, as far as the template or the message tells. */
  readonly wants?: 'text' | 'number' | 'boolean' | 'list' | 'map' | 'base64';
  /** Words that the chart, its schema or its message offers. */
  readonly choices?: readonly unknown[];
  /** Characters that it has to have. */
  readonly length?: number;
  /** Keys that it has to hold, when it is a map. */
  readonly keys?: readonly string[];
}

/** Values to put there, the most likely first. */
export function placeholdersFor(missing: Missing, current: unknown): unknown[] {
  const { path, wants, choices = [], keys = [] } = missing;
  const key = String(path.findLast((step) => typeof step === 'string') ?? '');
  const text = textFor(key, missing.length);
  const map = keys.length === 0 ? { placeholder: text } : Object.fromEntries(keys.map((name) => [name, textFor(name)]));
  const byType: Readonly<Record<NonNullable<Missing['wants']>, unknown>> = {
    text,
    number: numberFor(key),
    boolean: true,
    list: keys.length === 0 ? [text] : [map],
    map,
    base64: Buffer.from('placeholder').toString('base64'),
  };
  const type = wants ?? typeByValue(current) ?? typeByName(key);
  const others = (['text', 'list', 'map', 'number', 'boolean'] as const).filter((other) => other !== type);
  return [...choices, byType[type], ...others.map((other) => byType[other])];
}

function typeByValue(current: unknown): Missing['wants'] {
  if (current === false) return 'boolean';
  if (typeof current === 'number') return 'number';
  if (Array.isArray(current)) return 'list';
  return typeof current === 'object' && current !== null ? 'map' : undefined;
}

function typeByName(key: string): NonNullable<Missing['wants']> {
  if (/^(?:enabled?|create|install|accept\w*|agree\w*)$|enabled$/i.test(key)) return 'boolean';
  if (/(?:port|replicas|count|number|uid|gid|retries|seconds)$/i.test(key)) return 'number';
  if (/(?:hosts|domains|brokers|servers|urls|endpoints|addresses|names|users|zones|namespaces|cidrs)$/i.test(key)) return 'list';
  return /(?:labels|annotations|selector)$/i.test(key) ? 'map' : 'text';
}

function numberFor(key: string): number {
  if (/port$/i.test(key)) return 8080;
  return /id$/i.test(key) ? 1000 : 1;
}

/** By the name of the key; the first that fits. Nothing here names an image of anybody's. */
const texts: readonly (readonly [name: RegExp, text: string])[] = [
  [/mail/i, `admin@${placeholderHost}`],
  [/(?:^|[a-z])tag$|version$/i, '1.0.0'],
  [/repository$|image$/i, `${placeholderHost}/placeholder`],
  [/registry$|hub$/i, placeholderHost],
  [/broker|bootstrap/i, `${placeholderHost}:9092`],
  [/(?:ur[il]|endpoint|issuer|webhook)s?$/i, `https://${placeholderHost}`],
  [/cidrs?$|subnets?$/i, '10.0.0.0/8'],
  [/(?:^|[a-z])(?:ip|IP)s?$|ipaddress(?:es)?$/i, '10.0.0.1'],
  [/(?:host|hostname|domain|fqdn|server|address|server_?name)(?:s|es)?$/i, placeholderHost],
  [/(?:uuid|guid|tenant_?id|client_?id|subscription_?id|org_?id)$/i, '00000000-0000-4000-8000-000000000000'],
  [/schedule$|cron$/i, '0 0 * * *'],
  [/(?:size|storage|memory|capacity)$/i, '1Gi'],
  [/(?:timeout|interval|duration|period|ttl|retention)$/i, '30s'],
  [
    /pem$|(?:^|[a-z])(?:crt|cert|certificate)$|bundle$/i,
    `-----BEGIN CERTIFICATE-----\n${'MIIB'.repeat(16)}\n-----END CERTIFICATE-----\n`,
  ],
  [/path$|dir$|directory$/i, '/placeholder'],
];

/** 16 characters where nothing else is said, which is what most charts ask of a password. */
function textFor(key: string, length?: number): string {
  const known = texts.find(([name]) => name.test(key))?.[1];
  const text = known ?? (/pass|secret|token|key|salt/i.test(key) ? 'Placeholder-0123' : 'placeholder');
  return length === undefined ? text : text.repeat(Math.ceil(length / text.length)).slice(0, length);
}
