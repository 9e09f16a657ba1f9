import { findStrangeImages } from '../../cluster/running-images.ts';
import { planPush } from '../../images/push/push-plan.ts';
import { installOrder } from '../install-order.ts';
import { installRelease } from '../install-release.ts';
import { type InstalledRelease, known, type ProvenRelease, type Run } from '../run.ts';

const next = ['run the Job again: a release that is left pending by a killed helm is recovered first'];

/** Installs or upgrades every release in the order of `dependsOn`, each with helm's own wait; the first that fails ends it. */
export async function install(run: Run): Promise<void> {
  const releases = known(run, 'releases');
  const byName = new Map(releases.map((release) => [release.carried.name, release]));
  const ordered = installOrder(releases.map(({ carried }) => carried)).flatMap(({ name }) => byName.get(name) ?? []);
  const installed: InstalledRelease[] = [];
  for (const [index, release] of ordered.entries()) {
    const waiting = ordered.slice(index + 1).map(({ carried }) => `${carried.name} was not touched`);
    const done = installed.map(({ name, revision }) => `${name} is deployed at revision ${revision}`);
    const { name } = release.carried;
    await run.reporter.beginPhase('install', { next, state: [...done, `${name} was being installed or upgraded`, ...waiting] });
    installed.push(await installRelease(run, release, { others: [...done, ...waiting] }));
    run.reporter.event('installed', { ...installed.at(-1) });
  }
  run.installed = installed;
  run.remarks = [...releases.flatMap(({ remarks }) => remarks), ...(await checkImages(run, releases))];
}

/** Remarks on containers that run something else than the bundle has for them. */
async function checkImages(run: Run, releases: readonly ProvenRelease[]): Promise<readonly string[]> {
  const digests = await knownDigests(run);
  const remarks: string[] = [];
  for (const { helm, workloads } of releases) {
    const registryHost = known(run, 'target').host;
    const options = { namespace: helm.namespace, workloads, registryHost, digests, signal: run.signal };
    const { checked, strange } = await findStrangeImages(known(run, 'cluster'), options);
    run.reporter.event('checked', { release: helm.name, containers: checked, strange });
    remarks.push(
      ...strange.map(({ pod, container, image, reason }) => `pod ${pod}, container ${container}: ${image}: ${reason}`),
    );
  }
  return remarks;
}

/** A runtime reports the digest of an index, of a platform's manifest or of a config, in the stored or the original form. */
async function knownDigests(run: Run): Promise<ReadonlySet<string>> {
  const bundle = known(run, 'bundle');
  const items = await planPush(bundle, known(run, 'target'), run);
  return new Set([
    ...bundle.json.images.flatMap(({ source, digest }) => [source, digest]),
    ...items.flatMap(({ manifests, blobs }) => [
      ...manifests.map(({ descriptor }) => descriptor.digest),
      ...blobs.map(({ digest }) => digest),
    ]),
  ]);
}
