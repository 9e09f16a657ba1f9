import type { Edit } from './overrides.ts';
import { formatPath } from './values-path.ts';

/** One way to make a chart render what it does not render as deployed. All of it together opens the gate. */
export interface Gate {
  /** Values to set, in the type the chart reads them in. */
  readonly settings: readonly Edit[];
  /** API versions that the cluster has to serve: `monitoring.coreos.com/v1`. */
  readonly apiVersions?: readonly string[];
  /** Version that the cluster has to have: `1.30`. */
  readonly kubernetes?: string;
  /** The condition that it opens: `shop/templates/pod.yaml:12`. */
  readonly where: string;
}

/** `metrics.enabled=true,mode=ha`: what stands before the first space can be given to `helm --set-json` or `--set`. */
export function formatGate({ settings, apiVersions = [], kubernetes }: Gate): string {
  const values = settings.map(({ path, value }) => `${formatPath(path)}=${valueText(value)}`);
  return [
    ...(values.length === 0 ? [] : [values.join(',')]),
    ...apiVersions.map((version) => `--api-versions=${version}`),
    ...(kubernetes === undefined ? [] : [`--kube-version=${kubernetes}`]),
  ].join(' ');
}

/** Text as it is, unless it would be read as something else. */
function valueText(value: unknown): string {
  const isPlain = typeof value === 'string' && /^[^\s,"[{}\]\\]+$/.test(value) && !/^(?:true|false|null|-?\d+)$/.test(value);
  return isPlain ? value : JSON.stringify(value);
}
