import { BundleError } from '../bundle-spec/bundle-error.ts';

/** What was asked of the API server, for messages. `path` has no query. */
export interface ClusterRequest {
  readonly server: string;
  readonly method: string;
  readonly path: string;
}

/**
 * The error for an answer of the API server with a status of 400 or more: RIGHTS_MISSING for 401 and for a 403 of the authorizer,
 * CLUSTER_FAILED otherwise. `body` is the Status object as text, or whatever came instead.
 */
export function refusedRequest(request: ClusterRequest, status: number, body: string): BundleError {
  const message = statusMessage(body) ?? `HTTP ${status}`;
  if (status === 401) {
    return new BundleError('RIGHTS_MISSING', `the Kubernetes API at ${request.server} does not accept our credentials`, {
      hint: 'the ServiceAccount token or the kubeconfig is not valid for this cluster; apply the manifests again or log in again',
    });
  }
  const right = status === 403 ? parseForbidden(message) : undefined;
  if (right !== undefined) {
    return new BundleError('RIGHTS_MISSING', `${right.user} may not ${right.verb} ${right.resource}${right.scope}`, {
      hint: 'apply the Roles of install/ again: they hold this right',
    });
  }
  return new BundleError('CLUSTER_FAILED', `the Kubernetes API refused ${request.method} ${request.path}: ${message}`, {
    cause: { status, message },
  });
}

/** The error for a request that got no answer: CLUSTER_UNREACHABLE, saying what the connection said. */
export function unansweredRequest(request: ClusterRequest, cause: unknown): BundleError {
  const code = connectionCode(cause);
  const untrusted = /CERT|SELF_SIGNED|TLS|SSL|UNABLE_TO/.test(code);
  return new BundleError('CLUSTER_UNREACHABLE', `the Kubernetes API at ${request.server} does not answer: ${code}`, {
    hint: untrusted
      ? 'the API server shows a certificate that the CA of the kubeconfig or the ServiceAccount did not sign'
      : 'check the kubeconfig, or from a pod the network policies towards the API server',
    cause,
  });
}

/** HTTP status of an error made by `refusedRequest`, if it is one. */
export function refusedStatus(error: unknown): number | undefined {
  if (!(error instanceof BundleError)) return undefined;
  const { cause } = error;
  return typeof cause === 'object' && cause !== null && 'status' in cause && typeof cause.status === 'number'
    ? cause.status
    : undefined;
}

function statusMessage(body: string): string | undefined {
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed === 'object' && parsed !== null && 'message' in parsed && typeof parsed.message === 'string') {
      return parsed.message;
    }
  } catch {
    // Not a Status object: a proxy in between answered.
  }
  const text = body.trim();
  return text === '' ? undefined : text.slice(0, 300);
}

function parseForbidden(message: string): { user: string; verb: string; resource: string; scope: string } | undefined {
  const match = /User "([^"]*)" cannot (\S+) resource "([^"]*)" in API group "([^"]*)"(.*)/s.exec(message);
  if (match === null) return undefined;
  const [, user = '', verb = '', resource = '', group = '', rest = ''] = match;
  const namespace = /in the namespace "([^"]*)"/.exec(rest)?.[1];
  return {
    user,
    verb,
    resource: group === '' ? resource : `${resource}.${group}`,
    scope: namespace === undefined ? ' at cluster scope' : ` in namespace ${namespace}`,
  };
}

function connectionCode(cause: unknown): string {
  if (typeof cause === 'object' && cause !== null && 'code' in cause && typeof cause.code === 'string') return cause.code;
  return cause instanceof Error ? cause.message : String(cause);
}
