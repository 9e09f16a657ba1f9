import type { ErrorCode } from '../bundle-spec/bundle-error.ts';

/** What a line of helm's stderr means. */
export interface HelmComplaint {
  readonly code: ErrorCode;
  readonly why: string;
  readonly fix: string;
}

/** Failures that helm names itself and that no pod shows, by what it prints (Helm 3.21 and 4.2). A new message is a new row. */
const complaints: readonly { readonly pattern: RegExp; readonly code: ErrorCode; readonly why: string; readonly fix: string }[] =
  [
    {
      pattern: /another operation \(install\/upgrade\/rollback\) is in progress/,
      code: 'RELEASE_PENDING',
      why: 'another helm works on the release, or was killed while it did',
      fix: 'see "helm history"; if nobody works on it, roll back to the last deployed revision, then run the Job again',
    },
    {
      pattern: /field is immutable|updates to statefulset spec for fields other than/,
      code: 'INSTALL_FAILED',
      why: 'the new version changes a field that Kubernetes lets nobody change',
      fix: 'delete the object that helm names (a StatefulSet with --cascade=orphan), then run the Job again',
    },
    {
      pattern: /invalid ownership metadata|cannot be imported into the current release/,
      code: 'INSTALL_FAILED',
      why: 'an object that the chart wants to create exists already and belongs to somebody else',
      fix: 'delete the object that helm names, or give it to the release by the labels and annotations that helm asks for',
    },
    {
      pattern: /no matches for kind|ensure CRDs are installed first|could not find the requested resource/,
      code: 'INSTALL_FAILED',
      why: 'the cluster does not serve a kind that the chart creates',
      fix: 'install what brings its CustomResourceDefinition first; if a release of this bundle brings it, name that in dependsOn',
    },
    {
      pattern: /failed calling webhook/,
      code: 'INSTALL_FAILED',
      why: 'an admission webhook of the cluster does not answer',
      fix: 'bring the webhook that is named back to work, then run the Job again',
    },
    {
      pattern: /conflict with "|Apply failed with \d+ conflict/,
      code: 'INSTALL_FAILED',
      why: 'somebody else has changed a field that the chart sets',
      fix: 'undo that change (the field and its manager are named), then run the Job again',
    },
    {
      pattern: /exceeded quota|violates PodSecurity/,
      code: 'INSTALL_FAILED',
      why: "the namespace does not admit the release's objects",
      fix: "raise the quota, or fit the chart's values to the namespace's Pod Security level",
    },
    {
      pattern: /is forbidden: User "|attempting to grant RBAC permissions/,
      code: 'RIGHTS_MISSING',
      why: 'the Job may not do what the chart needs',
      fix: 'apply the Roles of install/ again; they are computed from what the charts render',
    },
    {
      pattern: /Too long: (must have|may not be more than)/,
      code: 'INSTALL_FAILED',
      why: 'the release is too big for the Secret in which Helm keeps it (1 MiB)',
      fix: 'make the chart smaller: leave out what is not needed to install it',
    },
  ];

/** The first known complaint in what helm printed, if any. */
export function readComplaint(stderr: string): HelmComplaint | undefined {
  return complaints.find(({ pattern }) => pattern.test(stderr));
}

/** Helm's words without its log prefixes and repetitions, worth showing to a person. */
export function trimHelmOutput(stderr: string): readonly string[] {
  const lines = stderr
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^(WARNING: Kubernetes configuration|I\d{4} |W\d{4} )/.test(line));
  // Helm 4 logs what it then says again as its error.
  const plain = lines.filter((line) => !/^level=\S+ msg=/.test(line));
  return [...new Set(plain.length > 0 ? plain : lines)].slice(-8);
}
