import type { Edit } from '../overrides.ts';
import { settingTexts } from './setting-text.ts';

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

/**
 * `metrics.enabled=true,hosts[0]=a.b --set-string=version=12 --api-versions=x/v1`: what stands first is for `helm --set`, what begins with
 * dashes is a flag of helm as it is. `--set-string` marks a text that `--set` would take for a truth or a number, `--set-json` what has no
 * other form. Spaces inside values are escaped, so that spaces part the flags.
 */
export function formatGate({ settings, apiVersions = [], kubernetes }: Gate): string {
  const texts = settings.flatMap(({ path, value }) => settingTexts(path, value));
  const of = (flag: string): string => texts.flatMap((setting) => (setting.flag === flag ? [setting.text] : [])).join();
  const flags = ['--set-string', '--set-json'].flatMap((flag) => (of(flag) === '' ? [] : [`${flag}=${of(flag)}`]));
  return [
    ...(of('--set') === '' ? [] : [of('--set')]),
    ...flags,
    ...apiVersions.map((version) => `--api-versions=${version}`),
    ...(kubernetes === undefined ? [] : [`--kube-version=${kubernetes}`]),
  ].join(' ');
}
