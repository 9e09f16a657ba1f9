import { z } from 'zod';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import { apiHost } from './registry-dispatcher.ts';
import { parseToml } from './toml.ts';

/** A place that may be asked for a repository, in the order of asking. */
export interface MirrorPlace {
  readonly host: string;
  readonly plainHttp: boolean;
  /** The repository there. */
  readonly repository: string;
  /** As in RegistryAccess. */
  readonly basePath?: string;
  readonly namespace?: string;
  /** Files with certificates to trust, and client certificates with their keys; relative to the file that names them. */
  readonly ca: readonly string[];
  readonly client?: { readonly cert: string; readonly key: string };
  /** May say what a tag names. A mirror that may not is asked by digest only. */
  readonly resolves: boolean;
  readonly pulls: boolean;
  /** Without verification of certificates, or perhaps over http: never by itself. */
  readonly insecure: boolean;
}

const strings = z.union([z.string().transform((one) => [one]), z.array(z.string())]);

const HostFields = {
  capabilities: z.array(z.string()).optional(),
  ca: strings.optional(),
  client: z.union([strings, z.array(z.tuple([z.string(), z.string()]))]).optional(),
  skip_verify: z.boolean().optional(),
  override_path: z.boolean().optional(),
  dial_timeout: z.string().optional(),
};
const HostsToml = z.strictObject({
  server: z.string().optional(),
  ...HostFields,
  host: z.record(z.string(), z.strictObject(HostFields)).optional(),
});
type HostEntry = z.infer<z.ZodObject<typeof HostFields>>;

/**
 * The places that containerd's `hosts.toml` of `host` names, in the order of asking; `server`, or the host itself, is the last. Throws
 * SPEC_INVALID for what is not understood: a setting that is skipped could change where bytes come from.
 */
export function placesOfHostsToml(text: string, file: string, asked: { host: string; repository: string }): MirrorPlace[] {
  const { server, host = {}, ...own } = parseAs(HostsToml, text, file);
  const mirrors = Object.entries(host).map(([url, entry]) => hostPlace(url, entry, asked, file));
  return [...mirrors, hostPlace(server ?? `https://${apiHost(asked.host)}`, own, asked, file)];
}

function hostPlace(text: string, entry: HostEntry, asked: { host: string; repository: string }, file: string): MirrorPlace {
  const url = URL.parse(/^https?:\/\//.test(text) ? text : `https://${text}`);
  if (url === null) throw notUnderstood(file, `"${text}" is no host`);
  const path = url.pathname.replace(/\/+$/, '');
  const isHome = url.host === apiHost(asked.host);
  // containerd puts /v2 behind a path unless it is told to take it as it is.
  const base = entry.override_path === true || path.endsWith('/v2') ? path : `${path}/v2`;
  const { capabilities = ['pull', 'resolve'], client } = entry;
  const [first] = client ?? [];
  const pair = Array.isArray(first) ? first : first === undefined ? undefined : [first, first];
  return {
    host: isHome ? asked.host : url.host,
    plainHttp: url.protocol === 'http:',
    repository: asked.repository,
    ...(base === '/v2' ? {} : { basePath: `${base}/` }),
    ...(isHome ? {} : { namespace: asked.host }),
    ca: entry.ca ?? [],
    ...(pair === undefined ? {} : { client: { cert: pair[0] ?? '', key: pair[1] ?? '' } }),
    resolves: capabilities.includes('resolve'),
    pulls: capabilities.includes('pull'),
    insecure: entry.skip_verify === true,
  };
}

const Mirror = z.strictObject({
  location: z.string(),
  insecure: z.boolean().default(false),
  'pull-from-mirror': z.enum(['all', 'digest-only', 'tag-only']).optional(),
});
const RegistriesConf = z.strictObject({
  // About names without a host, logins and storage: none of them decides where bytes of a whole reference come from.
  'unqualified-search-registries': z.unknown().optional(),
  'short-name-mode': z.unknown().optional(),
  aliases: z.unknown().optional(),
  'credential-helpers': z.unknown().optional(),
  'additional-layer-store-auth-helper': z.unknown().optional(),
  registry: z
    .array(
      z.strictObject({
        prefix: z.string().optional(),
        location: z.string().optional(),
        insecure: z.boolean().default(false),
        blocked: z.boolean().default(false),
        'mirror-by-digest-only': z.boolean().default(false),
        mirror: z.array(Mirror).default([]),
      }),
    )
    .default([]),
});

/**
 * The places that `registries.conf` (version 2) names for a repository: mirrors first, the place itself last. Short-name aliases are
 * none of our matter: references have a host. Throws SPEC_INVALID, and REGISTRY_DENIED for what it blocks.
 */
export function placesOfRegistriesConf(text: string, file: string, asked: { host: string; repository: string }): MirrorPlace[] {
  const name = `${asked.host}/${asked.repository}`;
  const matching = parseAs(RegistriesConf, text, file).registry.flatMap((entry) => {
    const prefix = entry.prefix ?? entry.location ?? '';
    const rest = restBehind(prefix, name);
    return rest === undefined ? [] : [{ entry, prefix, rest }];
  });
  const best = matching.sort((a, b) => b.prefix.length - a.prefix.length)[0];
  if (best === undefined) return [placeAt(name, false)];
  const { entry, rest } = best;
  if (entry.blocked)
    throw new BundleError('REGISTRY_DENIED', `${file} blocks ${best.prefix}`, { hint: `take "blocked" out of ${file}` });
  const mirrors = entry.mirror.map((mirror) => {
    const policy = entry['mirror-by-digest-only'] ? 'digest-only' : (mirror['pull-from-mirror'] ?? 'all');
    const place = placeAt(`${mirror.location}${rest}`, mirror.insecure);
    return { ...place, resolves: policy !== 'digest-only', pulls: policy !== 'tag-only' };
  });
  const own = entry.location === undefined || best.prefix.startsWith('*.') ? name : `${entry.location}${rest}`;
  return [...mirrors, placeAt(own, entry.insecure)];
}

/** What is left of a name behind a prefix, which ends at a part of the path or at the port; `*.example.com` is for all hosts below. */
function restBehind(prefix: string, name: string): string | undefined {
  const host = name.slice(0, name.indexOf('/'));
  if (prefix.startsWith('*.')) return host.replace(/:\d+$/, '').endsWith(prefix.slice(1)) ? name : undefined;
  if (prefix === '' || !name.startsWith(prefix)) return undefined;
  const rest = name.slice(prefix.length);
  return rest === '' || rest.startsWith('/') ? rest : undefined;
}

function placeAt(name: string, insecure: boolean): MirrorPlace {
  const [host = '', ...path] = name.split('/');
  return { host, plainHttp: false, repository: path.join('/'), ca: [], resolves: true, pulls: true, insecure };
}

function parseAs<T>(schema: z.ZodType<T>, text: string, file: string): T {
  try {
    return schema.parse(parseToml(text));
  } catch (cause) {
    const [issue] = cause instanceof z.ZodError ? cause.issues : [];
    const reason = issue === undefined ? String((cause as Error).message) : `${issue.path.join('.')}: ${issue.message}`;
    throw notUnderstood(file, reason, cause);
  }
}

function notUnderstood(file: string, reason: string, cause?: unknown): BundleError {
  return new BundleError('SPEC_INVALID', `${file}, which sources.mirrors names, is not understood: ${reason}`, {
    hint: 'docs/registries.md#mirrors has what is read; leave sources.mirrors out and name the mirror in sources.images instead',
    cause,
  });
}
