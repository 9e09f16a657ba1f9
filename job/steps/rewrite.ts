import { join } from 'node:path';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import type { CarriedRelease } from '../../bundle-spec/bundle-json.ts';
import type { CarriedValuesLayer, ValuesLayer } from '../../bundle-spec/values-layer.ts';
import { readApiVersions, readClusterVersion } from '../../cluster/api-versions.ts';
import { openCluster } from '../../cluster/client.ts';
import { type Problem, throwProblems } from '../../cluster/preflight.ts';
import { readReleaseValues } from '../../cluster/release-values.ts';
import { workloadsOf } from '../../cluster/workloads.ts';
import { writeBundledChart } from '../../helm/charts/bundled-chart.ts';
import { discoverRelease } from '../../helm/discover.ts';
import { findHelm } from '../../helm/helm.ts';
import { rewriteUnproven } from '../../helm/leftovers.ts';
import { rewriteRelease } from '../../helm/prove.ts';
import type { HelmRelease } from '../../helm/render.ts';
import { storedDigests } from '../../images/plan/stored-digests.ts';
import { missingImages } from '../missing-images.ts';
import { rightsProblems } from '../preflight-checks.ts';
import { rewriteRemarks } from '../rewrite-remarks.ts';
import { known, type ProvenRelease, type Run } from '../run.ts';

/**
 * Computes the rewrite of every release for this site and proves it with the cluster's own version and APIs: every image is in
 * the bundle, and no foreign reference is left. Changes nothing.
 */
export async function rewrite(run: Run): Promise<void> {
  run.cluster = await openCluster();
  run.helm = await findHelm(run);
  const { version } = await readClusterVersion(run.cluster, run);
  const apiVersions = await readApiVersions(run.cluster, run);
  run.reporter.event('cluster', { server: run.cluster.server, kubernetes: version, helm: run.helm.version });
  const inputs = await readInputs(run);
  const proven: ProvenRelease[] = [];
  for (const input of inputs) proven.push(await prove(run, input, { kubernetes: version, apiVersions }));
  run.releases = proven;
}

interface ReleaseInput {
  readonly carried: CarriedRelease;
  readonly helm: HelmRelease;
}

/** Charts and values of all releases; everything that is absent is told in one go. */
async function readInputs(run: Run): Promise<readonly ReleaseInput[]> {
  const { json } = known(run, 'bundle');
  const site = known(run, 'site');
  const problems: Problem[] = [];
  const inputs: ReleaseInput[] = [];
  for (const carried of json.releases) {
    const layers = [...carried.values, ...(site.values[carried.name] ?? []).map(carrySiteLayer)];
    const { values, secrets, problems: absent } = await readValues(run, carried, layers);
    run.reporter.keepSecret(secrets);
    problems.push(...absent);
    const helm = { name: carried.name, namespace: carried.namespace.name, chart: await writeChart(run, carried), values };
    inputs.push({ carried, helm });
  }
  throwProblems(problems);
  return inputs;
}

/** When one right is missing, others are likely to: all are named, not the first. */
async function readValues(run: Run, carried: CarriedRelease, layers: readonly CarriedValuesLayer[]) {
  try {
    return await readReleaseValues(known(run, 'cluster'), carried, layers, run);
  } catch (error) {
    if (error instanceof BundleError && error.code === 'RIGHTS_MISSING') throwProblems(await rightsProblems(run));
    throw error;
  }
}

function carrySiteLayer(layer: ValuesLayer, index: number): CarriedValuesLayer {
  if ('inline' in layer) return { name: `the site's values[${index}]`, text: JSON.stringify(layer.inline) };
  if ('file' in layer) throw new Error('the verify step lets no file of the site pass');
  return layer;
}

async function writeChart(run: Run, { name, chart }: CarriedRelease): Promise<string> {
  const file = join(run.folder, `${name}.tgz`);
  await writeBundledChart(known(run, 'bundle'), chart, file, run);
  return file;
}

async function prove(
  run: Run,
  { carried, helm: release }: ReleaseInput,
  { kubernetes, apiVersions }: { readonly kubernetes: string; readonly apiVersions: readonly string[] },
): Promise<ProvenRelease> {
  const { ignore, images, gated } = known(run, 'bundle').json;
  const helm = known(run, 'helm');
  const extra = images.filter((image) => image.class === 'extra').map(({ reference }) => reference);
  const options = { ignore, extra, apiVersions, signal: run.signal };
  const discovery = await discoverRelease(helm, release, { ...options, kubernetes: [kubernetes], paths: carried.paths });
  const missing = missingImages(discovery.references, {
    release: carried,
    images,
    gated,
    values: discovery.values,
    kubernetes,
    siteLayers: known(run, 'site').values[carried.name] ?? [],
  });
  if (missing !== undefined) throw missing;
  const { pullSecret } = known(run, 'site').registry;
  const wanted = { ...options, digests: storedDigests(images), ...(pullSecret === undefined ? {} : { pullSecret }) };
  const proof = await rewriteRelease(helm, release, discovery, known(run, 'target'), wanted);
  if (proof.leftovers.length > 0) throw rewriteUnproven(proof.leftovers);
  const rendered = discovery.bases.flatMap(({ objects }) => objects);
  const { overrides, postRender, renders } = proof;
  run.reporter.event('proven', {
    release: carried.name,
    images: discovery.references.length,
    postRendered: Object.keys(postRender.images),
    pullSecretAdded: postRender.pullSecret?.pods ?? [],
    renders,
  });
  const remarks = rewriteRemarks(carried.name, proof, pullSecret);
  return { carried, helm: release, overrides, postRender, remarks, workloads: workloadsOf(rendered, release.namespace) };
}
