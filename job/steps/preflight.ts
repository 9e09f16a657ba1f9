import { takeLease } from '../../cluster/lease.ts';
import { throwProblems } from '../../cluster/preflight.ts';
import { registryOfSite } from '../../cluster/registry-of-site.ts';
import { openRegistry } from '../../images/registry.ts';
import { namespaceProblems, pendingProblems, pullSecretProblems, registryProblems, rightsProblems } from '../preflight-checks.ts';
import { known, type Run } from '../run.ts';

/** Checks everything that can be known before the first byte is pushed, and tells all problems at once. Changes nothing but the Lease. */
export async function preflight(run: Run): Promise<void> {
  run.registry = openRegistry(registryOfSite(known(run, 'site')));
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
