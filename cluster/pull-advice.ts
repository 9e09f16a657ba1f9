/** What the registry says when the Job asks it. */
export type RegistryAnswer = 'has it' | 'does not have it';

export interface FailedPull {
  readonly image: string;
  /** What the runtime says. */
  readonly message: string;
  readonly registryHost: string;
  readonly namespace: string;
  readonly registryAnswer?: RegistryAnswer;
}

/** What to do about an image that a node cannot pull, by what its runtime says. */
export function pullAdvice({ image, message, registryHost, namespace, registryAnswer }: FailedPull): readonly string[] {
  const host = image.split('/')[0] ?? '';
  if (host !== registryHost) {
    return [
      `${image} is not of ${registryHost}: its reference was not rewritten. Add it to images.extra or images.paths of bundle.yaml and build again`,
    ];
  }
  // Asked first: a runtime that finds nothing may go on to a mirror and complain of that one's certificate.
  if (registryAnswer === 'does not have it')
    return [`${registryHost} does not have it (any more): run the Job again, which pushes what is missing`];
  if (/x509|certificate|tls:/i.test(message)) {
    return [
      `the node does not trust ${registryHost}: give its CA to containerd (/etc/containerd/certs.d/${registryHost}/hosts.toml) on every node`,
    ];
  }
  if (/401|403|unauthorized|authorization failed|denied|no basic auth|insufficient_scope/i.test(message)) {
    return [
      `pods need a pull secret for ${registryHost}: kubectl -n ${namespace} create secret docker-registry NAME --docker-server=${registryHost} …`,
      "name it in registry.pullSecret of the site and apply install/40-pull-secrets.yaml, or name it in the chart's value for pull secrets",
      'then run the Job again',
    ];
  }
  if (/no match for platform|does not match the specified platform|exec format/i.test(message)) {
    return ["the bundle has no image for this node's platform: add it to target.platforms of bundle.yaml and build again"];
  }
  if (/not found|manifest unknown|404/i.test(message)) {
    return [`${registryHost} does not have it (any more): run the Job again, which pushes what is missing`];
  }
  return [`the node cannot reach ${registryHost} under this name: check DNS, routes and containerd's mirrors on the node`];
}
