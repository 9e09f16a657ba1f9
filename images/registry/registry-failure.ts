import { z } from 'zod';
import { BundleError, type ErrorCode } from '../../bundle-spec/bundle-error.ts';
import { jsonValue } from '../json-value.ts';
import { guideTo } from './registry-guide.ts';
import { type Answer, header, readBody } from './registry-transport.ts';

/** No more than this of an error's body is read, in bytes. */
const errorBodyLimit = 64 << 10;

/** What was asked, in the words of an error message. */
export interface Purpose {
  /** The registry's name in references. */
  readonly host: string;
  /** `the push of shop/api:1.4.2` */
  readonly doing: string;
  /** What is absent when the answer is 404: `shop/api:1.4.2`. */
  readonly what: string;
  /** The right it takes: `pull` or `push`. */
  readonly right: 'pull' | 'push';
  /** Where the credentials come from that were sent, if any were. */
  readonly credentialsFrom?: string | undefined;
}

/** An error of the distribution spec: `{"errors": [{code, message, detail}]}`. */
export interface RegistryComplaint {
  readonly code: string;
  readonly message: string;
}

const ErrorsJson = z.object({
  errors: z
    .array(z.object({ code: z.coerce.string().default(''), message: z.string().nullish(), detail: z.unknown().optional() }))
    .min(1),
});

// Token servers and proxies say it in other ways.
const OtherJson = z.union([
  z.object({ error_description: z.string() }).transform((json) => json.error_description),
  z.object({ details: z.string() }).transform((json) => json.details),
  z.object({ message: z.string() }).transform((json) => json.message),
  z.object({ error: z.string() }).transform((json) => json.error),
]);

/** Reads why a request failed, as far as the body says so. The body is consumed. */
export async function readComplaint(answer: Answer): Promise<RegistryComplaint> {
  const body = await readBody(answer, errorBodyLimit).catch(() => undefined);
  const text = body?.toString() ?? '';
  const json = jsonValue(text);
  const errors = ErrorsJson.safeParse(json).data?.errors;
  if (errors !== undefined) {
    const message = errors
      .slice(0, 3)
      .map((error) => [error.code, error.message, words(error.detail)].filter(Boolean).join(': '));
    return { code: errors[0]?.code ?? '', message: presentable(message.join('; ')) };
  }
  const other = OtherJson.safeParse(json).data;
  const isHtml = /^\s*</.test(text);
  return { code: '', message: presentable(other ?? (isHtml ? (/<title>([^<]*)/i.exec(text)?.[1] ?? '') : text)) };
}

/** The error for an answer that is no success. `complaint`, if it was read already. */
export async function answerFailure(answer: Answer, purpose: Purpose, complaint?: RegistryComplaint): Promise<BundleError> {
  const { code, message } = complaint ?? (await readComplaint(answer));
  const told = `${answer.status}${message === '' ? '' : ` ${message}`}`;
  const { host, doing, what } = purpose;
  const kind = kindOf(answer, code);
  const text = {
    REGISTRY_DENIED: `${host} refused ${doing}: ${told}`,
    REGISTRY_NOT_FOUND: `${host} has no ${what}: ${told}`,
    REGISTRY_LIMITED: `${host} limits requests and refused ${doing}: ${told}`,
    REGISTRY_FAILED: `${host} failed at ${doing}: ${told}`,
  }[kind];
  const hint = hintOf(kind, answer, purpose, message);
  return new BundleError(kind, text, hint === undefined ? {} : { hint });
}

type FailureKind = Extract<ErrorCode, 'REGISTRY_DENIED' | 'REGISTRY_NOT_FOUND' | 'REGISTRY_LIMITED' | 'REGISTRY_FAILED'>;

function kindOf({ status }: Answer, code: string): FailureKind {
  if (status === 429 || code === 'TOOMANYREQUESTS') return 'REGISTRY_LIMITED';
  if (status === 401 || status === 403) return 'REGISTRY_DENIED';
  if (status === 404) return 'REGISTRY_NOT_FOUND';
  return 'REGISTRY_FAILED';
}

function hintOf(kind: FailureKind, answer: Answer, purpose: Purpose, message: string): string | undefined {
  // nginx and its kin check certificates themselves and say so with 400.
  if (/SSL certificate/i.test(message))
    return `it wants a client certificate: name one beside the host (clientCertificate: {cert, key}); ${guideTo('client-certificates')}`;
  if (/push artifact to a proxy project/i.test(message))
    return `the project is a proxy cache, which takes no pushes: name another as registry.prefix in the site; ${guideTo('repositories-and-projects')}`;
  if (kind === 'REGISTRY_DENIED') return deniedHint(answer, purpose);
  if (kind === 'REGISTRY_LIMITED') return limitedHint(answer, purpose);
  const known = hints[answer.status];
  if (known !== undefined) return known;
  return answer.status >= 500 ? 'try again later; the log of the registry says more' : undefined;
}

/** What to do about an answer that means the same whatever was asked. */
const hints: Readonly<Record<number, string>> = {
  405: `it does not allow this: perhaps it is read-only, or a pull-through cache; ${guideTo('behind-a-proxy')}`,
  411: `a proxy before the registry takes the length out of requests; ${guideTo('behind-a-proxy')}`,
  413: `a proxy before the registry limits the size of uploads: raise it (nginx: client_max_body_size 0); ${guideTo('upload-limits')}`,
  415: `it does not take this media type; ${guideTo('media-types')}`,
};

function deniedHint({ status }: Answer, { host, right, credentialsFrom }: Purpose): string {
  if (credentialsFrom === undefined) {
    return `no credentials for ${host} were found: log in with "docker login ${host}", or name them beside the host in the spec or site; ${guideTo('login')}`;
  }
  const refused = status === 401 ? 'they may be wrong or expired, or lack' : 'they lack';
  const section = right === 'push' && status === 403 ? 'repositories-and-projects' : 'login';
  return `the credentials of ${credentialsFrom} were used; ${refused} the right to ${right} here; ${guideTo(section)}`;
}

function limitedHint(answer: Answer, { credentialsFrom }: Purpose): string {
  const after = header(answer, 'retry-after');
  const unit = /^\d+$/.test(after ?? '') ? ' seconds' : '';
  const when = after === undefined ? '' : `; it asks to come back after ${presentable(after)}${unit}`;
  return `${credentialsFrom === undefined ? 'log in: limits for known users are higher' : 'wait, or use a mirror'}${when}; ${guideTo('limits')}`;
}

/** Characters of a text that are looked at. The time that it takes to find what is secret grows with the square of them. */
const mostRead = 4096;

/**
 * One line, without control characters, of bounded length, and without what may be secret: the query strings of URLs hold signatures,
 * and some servers send back the token that they refuse.
 */
export function presentable(text: string): string {
  const line = text
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim()
    .slice(0, mostRead);
  const redacted = line
    .replace(/(\w+:\/\/[^\s"'?]*)\?[^\s"']*/g, '$1?…')
    .replace(/\b(Bearer|Basic) [A-Za-z0-9._~+/-]{8,}=*/g, '$1 …')
    .replace(/\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_.-]+/g, '…');
  return redacted.length > 400 ? `${redacted.slice(0, 400)}…` : redacted;
}

function words(detail: unknown): string {
  if (typeof detail === 'string') return detail;
  // distribution's list of what was asked for: the message names the repository already.
  if (Array.isArray(detail)) return '';
  const text = detail === null || detail === undefined ? '' : JSON.stringify(detail);
  return text === '{}' || text === '[]' || text.length > 200 ? '' : text;
}
