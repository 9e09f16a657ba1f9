import type { BundleJson } from '../bundle-spec/bundle-json.ts';

/** Secret that the sample site names, for the push and for the pull. */
export const sampleSecret = 'bundle-registry';
/** Namespace of the Job in `install/`. */
export const sampleNamespace = 'diolkos';

/** The site of `install/`, as text to be edited: comments say what each line is for. */
export function sampleSite(releases: BundleJson['releases']): string {
  const example = releases[0]?.name ?? 'web';
  return `apiVersion: diolkos.dev/v1
kind: Site
registry:
  # EDIT: the registry behind the gap, as the nodes reach it: host or host:port.
  host: registry.internal:5000
  # Path in front of every repository; "" for none.
  prefix: ""
  # Secret with the right to push, in namespace ${sampleNamespace}. It may be absent where the registry asks nobody.
  credentials:
    secret: ${sampleSecret}
  # Secret that pods pull with, in the namespace of every release. Delete the line where pulling needs none.
  pullSecret: ${sampleSecret}
  # Delete the # in front of these lines if the registry's certificate is signed by a CA of your own.
  # ca:
  #   inline: |
  #     -----BEGIN CERTIFICATE-----
  #     …
  #     -----END CERTIFICATE-----
# Delete the # to take only bundles that this key has signed: the line "RW…" of minisign.pub, or the text of cosign.pub.
# signedBy:
#   - inline: RW…
# Values of your own by release; they win over those of the bundle.
values: {}
#  ${example}:
#    - inline:
#        replicaCount: 2
job:
  namespace: ${sampleNamespace}
`;
}
