import { clientCertificateDirectory } from '../../cluster/job-manifest.ts';
import { takeLease } from '../../cluster/lease.ts';
import { throwProblems } from '../../cluster/preflight.ts';
import { describeWait } from '../../images/registry/retry-gate.ts';
import { openSiteRegistry } from '../../images/registry/site-registry.ts';
import { namespaceProblems, pendingProblems, pullSecretProblems, registryProblems, rightsProblems } from '../preflight-checks.ts';
import { known, type Run } from '../run.ts';

/** Checks everything that can be known before the first byte is pushed, and tells all problems at once. Changes nothing but the Lease. */
export async function preflight(run: Run): Promise<void> {
  // A CA that is a file was made inline by `diolkos manifest`; the verify step lets no other pass.
  const { registry } = await openSiteRegistry(known(run, 'site').registry, {
    directory: '/',
    certificateDirectory: clientCertificateDirectory,
    client: { retry: { onWait: (wait) => run.reporter.event('registry-wait', { text: describeWait(wait) }) } },
    signal: run.signal,
  });
  run.registry = registry;
  const rights = await rightsProblems(run);
  const ofRegistry = await registryProblems(run);
  // Without rights the other questions would only be answered by "forbidden".
  if (rights.length > 0) throwProblems([...rights, ...ofRegistry]);
  await holdLease(run);
  throwProblems([
    ...(await namespaceProblems(run)),
    ...(await pullSecretProblems(run)),
    ...(await pendingProblems(run)),
    ...ofRegistry,
  ]);
}

/** From here on no other Job works in this namespace; losing the Lease stops us. */
async function holdLease(run: Run): Promise<void> {
  const { holder } = run.options;
  const lease = await takeLease(known(run, 'cluster'), { namespace: known(run, 'namespace'), holder, signal: run.signal });
  run.lease = lease;
  run.signal = AbortSignal.any([run.signal, lease.lost]);
}
