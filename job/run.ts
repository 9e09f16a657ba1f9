import type { CarriedRelease } from '../bundle-spec/bundle-json.ts';
import type { Site } from '../bundle-spec/site.ts';
import type { Values } from '../bundle-spec/values-layer.ts';
import type { Cluster } from '../cluster/client.ts';
import type { HeldLease } from '../cluster/lease.ts';
import type { Workload } from '../cluster/workloads.ts';
import type { Helm } from '../helm/helm.ts';
import type { PostRender } from '../helm/post-render/post-render-rule.ts';
import type { HelmRelease } from '../helm/render.ts';
import type { BundleFile } from '../images/bundle/bundle-reader.ts';
import type { PushReport } from '../images/push/push-bundle.ts';
import type { Target } from '../images/reference.ts';
import type { Registry } from '../images/registry/registry.ts';
import type { JobOptions } from './options.ts';
import type { Reporter } from './reporter.ts';

/** A release whose rewrite is proven for this site and this cluster. */
export interface ProvenRelease {
  readonly carried: CarriedRelease;
  /** Chart and values layers as files and texts, without the rewrite. */
  readonly helm: HelmRelease;
  /** The rewrite: values that win over all layers. */
  readonly overrides: Values;
  /** What has to be changed in the rendered objects besides. */
  readonly postRender: PostRender;
  /** What a report of success says of the rewrite. */
  readonly remarks: readonly string[];
  readonly workloads: readonly Workload[];
}

export interface InstalledRelease {
  readonly name: string;
  readonly namespace: string;
  readonly revision: number;
}

/** What a run of the Job knows; each step fills in what later ones need. */
export interface Run {
  readonly options: JobOptions;
  readonly reporter: Reporter;
  /** A folder of our own, removed at the end. */
  readonly folder: string;
  signal: AbortSignal;
  bundle?: BundleFile;
  site?: Site;
  target?: Target;
  /** Namespace of the Job. */
  namespace?: string;
  cluster?: Cluster;
  helm?: Helm;
  registry?: Registry;
  releases?: readonly ProvenRelease[];
  lease?: HeldLease;
  pushed?: PushReport;
  installed?: readonly InstalledRelease[];
  /** Remarks for a report of success. */
  remarks?: readonly string[];
}

/** What an earlier step has filled in. */
export function known<Key extends keyof Run>(run: Run, key: Key): NonNullable<Run[Key]> {
  const value = run[key];
  if (value === undefined || value === null) throw new Error(`a step needs "${key}", which no step before has made`);
  return value;
}

/** Environment with which helm finds the cluster: in a pod its own account, elsewhere the kubeconfig. */
export function helmEnvironment(env: NodeJS.ProcessEnv = process.env): Readonly<Record<string, string>> {
  const names = ['KUBECONFIG', 'KUBERNETES_SERVICE_HOST', 'KUBERNETES_SERVICE_PORT'];
  // An empty KUBECONFIG is none: helm then takes the pod's own account.
  return { KUBECONFIG: '', ...Object.fromEntries(names.flatMap((name) => (env[name] ? [[name, env[name]]] : []))) };
}
