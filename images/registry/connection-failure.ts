import type { PeerCertificate } from 'node:tls';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import { certificateOf } from './peer-certificate.ts';
import { isProxied, proxyOf } from './proxy.ts';
import { guideTo } from './registry-guide.ts';
import type { Answer } from './registry-transport.ts';

/**
 * What a failed request says about the connection. `unreachable`: none was made. `dropped`: it was lost. `stalled`: it went silent.
 * `untrusted`: the certificate was refused, theirs or ours. `no-tls`: https was spoken to something that does not. `barred`: the proxy
 * refused. Anything else is no connection failure.
 */
export type ConnectionTrouble = 'unreachable' | 'dropped' | 'stalled' | 'untrusted' | 'no-tls' | 'barred';

const troubles: Readonly<Record<string, ConnectionTrouble>> = {
  ECONNREFUSED: 'unreachable',
  ENOTFOUND: 'unreachable',
  EAI_AGAIN: 'unreachable',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  ETIMEDOUT: 'unreachable',
  UND_ERR_CONNECT_TIMEOUT: 'unreachable',
  UND_ERR_PRX_CONN: 'unreachable',
  UND_ERR_PRX_TLS: 'barred',
  ECONNRESET: 'dropped',
  ECONNABORTED: 'dropped',
  EPIPE: 'dropped',
  UND_ERR_SOCKET: 'dropped',
  UND_ERR_BODY_TIMEOUT: 'stalled',
  UND_ERR_HEADERS_TIMEOUT: 'stalled',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'dropped',
  UND_ERR_HEADERS_OVERFLOW: 'dropped',
  ERR_SSL_WRONG_VERSION_NUMBER: 'no-tls',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'no-tls',
  ERR_SSL_HTTP_REQUEST: 'no-tls',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'untrusted',
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: 'untrusted',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: 'untrusted',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: 'untrusted',
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: 'untrusted',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'untrusted',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'untrusted',
  UNABLE_TO_GET_ISSUER_CERT: 'untrusted',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'untrusted',
  SELF_SIGNED_CERT_IN_CHAIN: 'untrusted',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'untrusted',
  CERT_SIGNATURE_FAILURE: 'untrusted',
  CERT_HAS_EXPIRED: 'untrusted',
  CERT_NOT_YET_VALID: 'untrusted',
  CERT_UNTRUSTED: 'untrusted',
  INVALID_CA: 'untrusted',
  INVALID_PURPOSE: 'untrusted',
  ERR_TLS_CERT_ALTNAME_INVALID: 'untrusted',
};

/** Names the trouble of an error that a request threw; `undefined` when the connection is not to blame. */
export function connectionTrouble(error: unknown): ConnectionTrouble | undefined {
  const code = codeOf(error);
  if (code === undefined) return undefined;
  const refusal = proxyRefusal(error);
  // 5xx: the proxy did not get through to the host, which may pass.
  if (refusal !== undefined) return refusal >= 500 ? 'unreachable' : 'barred';
  return troubles[code] ?? (code.startsWith('HPE_') ? 'dropped' : undefined);
}

/**
 * The error to show for a request that found no way to `url`: REGISTRY_UNREACHABLE, or REGISTRY_UNTRUSTED with the certificate's issuer
 * and the line to add. `host` is the registry's name; `trouble` is what `connectionTrouble` said of `error`.
 */
export async function connectionFailure(
  host: string,
  url: URL,
  trouble: ConnectionTrouble,
  error: unknown,
): Promise<BundleError> {
  const via = `${url.host === host ? '' : ` (at ${url.host})`}${throughProxy(url)}`;
  if (trouble === 'barred' || proxyRefusal(error) !== undefined) return barred(host, url, error);
  if (trouble === 'untrusted') return untrusted(host, via, url, error);
  if (trouble === 'no-tls') {
    return new BundleError('REGISTRY_UNREACHABLE', `${host}${via} does not speak https`, {
      hint: 'if it speaks plain http, set "plainHttp: true" beside its host (sources.images of the spec, registry of the site)',
      cause: error,
    });
  }
  if (trouble === 'dropped' && (await wantsTls(url))) return speaksTls(host, via, error);
  return new BundleError('REGISTRY_UNREACHABLE', `${host}${via} ${reasonOf(error)}`, { ...advice(error, url), cause: error });
}

/** True when `url` is http and a TLS server answers there: it drops plain http, however often it is tried. */
export async function wantsTls(url: URL): Promise<boolean> {
  return url.protocol === 'http:' && !isProxied(url) && (await certificateOf(url)) !== undefined;
}

/** The error for a host that is spoken to by http and wants https. */
export function speaksTls(host: string, via: string, cause?: unknown): BundleError {
  const hint = 'remove "plainHttp: true" beside its host (sources.images of the spec, registry of the site)';
  return new BundleError('REGISTRY_UNREACHABLE', `${host}${via} speaks https, and is asked by plain http`, { hint, cause });
}

/** The status with which a proxy refused to lead to a host, as undici tells it. */
function proxyRefusal(error: unknown): number | undefined {
  if (!(error instanceof Error)) return undefined;
  const [, tunnel, forward] = /^Proxy response \((\d{3})\)|^Proxy Authentication Required \((407)\)/.exec(error.message) ?? [];
  const status = tunnel ?? forward;
  return status === undefined ? proxyRefusal(error.cause) : Number(status);
}

/**
 * The error for an answer to plain http that a proxy gave by itself: through it comes the registry's as well, but that has an error of the
 * distribution spec in it, or its header. `undefined` when nothing says that it is the proxy's. `code` and `message`: of the body.
 */
export function proxyAnswer(
  host: string,
  { status, url, headers }: Answer,
  { code, message }: { readonly code: string; readonly message: string },
): BundleError | undefined {
  const isRegistry = code !== '' || headers['docker-distribution-api-version'] !== undefined;
  if (isRegistry || !proxyStatuses.has(status) || url.protocol !== 'http:' || !isProxied(url)) return undefined;
  const cause = new Error(`Proxy response (${status})${message === '' ? '' : `: ${message}`}`);
  return barred(host, url, cause, message);
}

const proxyStatuses = new Set([403, 407, 502, 503, 504]);

function throughProxy(url: URL): string {
  const proxy = proxyOf(url);
  return proxy === undefined ? '' : ` (through the proxy ${proxy.host})`;
}

function barred(host: string, url: URL, cause: unknown, words = ''): BundleError {
  const status = proxyRefusal(cause);
  const variable = url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY';
  const [what, hint] =
    status === undefined
      ? ['shows a certificate for another name', `name the proxy in ${variable} as its certificate does`]
      : status === 407
        ? ['wants another user or password: 407', `give them in ${variable}: http://user:password@host:port`]
        : [
            status >= 500 ? `does not get through to it: ${status}` : `does not allow it: ${status}`,
            `let the proxy allow ${url.hostname}; or, where it can be reached directly, add ${url.hostname} to NO_PROXY`,
          ];
  return new BundleError(
    'REGISTRY_UNREACHABLE',
    `${host} cannot be reached: the proxy ${proxyOf(url)?.host} ${what}${words === '' ? '' : ` ${words}`}`,
    {
      hint,
      cause,
    },
  );
}

async function untrusted(host: string, via: string, url: URL, error: unknown): Promise<BundleError> {
  const certificate = await certificateOf(url);
  const code = codeOf(error);
  if (code?.startsWith('ERR_SSL_')) {
    const wanted = code === 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED' ? 'wants' : 'did not take';
    return new BundleError(
      'REGISTRY_UNTRUSTED',
      `${host}${via} ${wanted} ${wanted === 'wants' ? 'a' : 'the'} client certificate (${code})`,
      {
        hint: `name one beside the host: "clientCertificate: {cert: client.pem, key: client-key.pem}"; ${guideTo('client-certificates')}`,
        cause: error,
      },
    );
  }
  const issuer = certificate === undefined ? 'an unknown issuer' : `"${nameOf(certificate.issuer)}"`;
  const add = `put the issuer's certificate (PEM) into a file and name it beside the host: "{host: '${host}', ca: ca.pem}" in sources.images of the spec, or registry.ca in the site; ${guideTo('certificates')}`;
  const [reason, hint] =
    code === 'CERT_HAS_EXPIRED'
      ? [`expired on ${certificate?.valid_to}`, 'renew it; or, if it is valid, set the clock of this machine']
      : code === 'CERT_NOT_YET_VALID'
        ? [`is valid from ${certificate?.valid_from} only`, 'set the clock of this machine']
        : code === 'ERR_TLS_CERT_ALTNAME_INVALID'
          ? [`is for ${certificate?.subjectaltname ?? nameOf(certificate?.subject)}`, 'use one of these names as the host']
          : [`is issued by ${issuer}, which is not trusted`, add];
  return new BundleError('REGISTRY_UNTRUSTED', `the certificate of ${host}${via} ${reason}`, { hint, cause: error });
}

function nameOf(name: PeerCertificate['subject'] | undefined): string {
  const common = name?.CN ?? name?.O ?? 'no name';
  return String(common);
}

function reasonOf(error: unknown): string {
  const code = codeOf(error);
  if (code === 'ECONNREFUSED') return 'refused the connection: nothing listens there';
  if (code === 'ENOTFOUND') return 'has no address: the name is unknown to DNS';
  if (code === 'EAI_AGAIN') return 'cannot be looked up: DNS does not answer';
  if (code === 'EHOSTUNREACH' || code === 'ENETUNREACH') return 'cannot be reached: there is no route to it';
  if (code === 'ETIMEDOUT' || code === 'UND_ERR_CONNECT_TIMEOUT') return 'does not answer: the connection timed out';
  if (code === 'UND_ERR_HEADERS_TIMEOUT') return 'took the request and did not answer in time';
  if (code === 'UND_ERR_BODY_TIMEOUT') return 'went silent in the middle of an answer';
  if (code === 'UND_ERR_HEADERS_OVERFLOW' || code?.startsWith('HPE_')) return 'does not answer by HTTP, or not as it should';
  return 'closed the connection';
}

function advice(error: unknown, url: URL): { hint?: string } {
  const code = codeOf(error);
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return { hint: 'check the spelling of the host and the DNS of this machine' };
  if (code === 'ECONNREFUSED')
    return { hint: `check that the registry runs and that ${url.port || 'the default port'} is its port` };
  const closed = code === 'UND_ERR_SOCKET' && url.protocol === 'https:';
  const certificate = closed ? `; if it wants a client certificate, ${guideTo('client-certificates')}` : '';
  return { hint: `check the network and the firewalls between this machine and the registry${certificate}` };
}

/** The code of an error, looked for in its causes too. Happy eyeballs throws one error that holds one per address. */
function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ('code' in error && typeof error.code === 'string') return error.code;
  if (error.name === 'HTTPParserError') return 'HPE_INVALID'; // undici does not give it a code every time
  if (error instanceof AggregateError) return error.errors.map(codeOf).find((code) => code !== undefined);
  return codeOf(error.cause);
}
