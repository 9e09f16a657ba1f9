import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { buildBundle, preloadInstaller, publishImages } from './bundles.ts';
import { must, type SitePlan, startJob, type Verdict, verdictOf } from './installer-job.ts';
import { connectWorld } from './world.ts';

const world = await connectWorld();
await Promise.all([preloadInstaller(world), publishImages(world)]);

interface Failure extends Omit<SitePlan, 'jobNamespace'> {
  readonly name: string;
  readonly id: string;
  readonly verdict: RegExp;
  readonly says: readonly RegExp[];
}

const refused: readonly Failure[] = [
  {
    name: 'a feature whose image did not travel',
    id: 'gated',
    values: { report: { enabled: true } },
    verdict: /phase=rewrite .*docker\.io\/library\/report:7 is needed here and is not in the bundle \[IMAGE_NOT_IN_BUNDLE\]/,
    says: [/CronJob .*-report/, /report\.image/, /report\.enabled/, /scan/, /nothing was changed/],
  },
  {
    name: 'values that the chart cannot render',
    id: 'render',
    values: { web: { replicas: 'many' } },
    verdict: /phase=rewrite .*web\.replicas has to be a number, and is "many".*\[RENDER_FAILED\]/,
    says: [/templates\/web\.yaml/, /nothing was changed/],
  },
  {
    name: 'credentials that the registry does not take',
    id: 'denied',
    password: 'mistyped',
    verdict: /phase=preflight .*registry\.gap\.test:5000 .*\[REGISTRY_DENIED\]/,
    says: [/Secret refused-job\/bundle-registry/, /right to push/, /nothing was changed/],
  },
  {
    name: 'a registry that does not answer',
    id: 'unreachable',
    registry: { host: 'registry.gap.test:5999', pullSecret: undefined },
    verdict: /phase=preflight .*registry\.gap\.test:5999 .*\[REGISTRY_UNREACHABLE\]/,
    says: [/ECONNREFUSED|refused/i, /nothing was changed/],
  },
  {
    name: 'a registry whose certificate nobody here trusts',
    id: 'untrusted',
    registry: { ca: undefined },
    verdict: /phase=preflight .*registry\.gap\.test:5000.*\[REGISTRY_UNTRUSTED\]/,
    says: [/registry\.ca\.inline/, /nothing was changed/],
  },
];

const failed: readonly Failure[] = [
  {
    name: 'a hook that fails and is deleted in the same second',
    id: 'hook',
    values: { migrate: { script: 'echo checking; echo "the ledger is locked by another node"; exit 3' } },
    verdict: /phase=hook:pre-install .*hook Job\/hook-migrate .*exit code 3.*\[HOOK_FAILED\]/,
    says: [
      /log hook-migrate-\S+\/migrate:\n {2}checking\n {2}the ledger is locked by another node/,
      /hook is failed at revision 1/,
    ],
  },
  {
    name: 'a workload that crashes again and again',
    id: 'crash',
    values: { web: { script: 'echo "cannot open the ledger"; sleep 0.5; exit 7' } },
    verdict: /phase=wait .*Deployment\/crash-web container web ended with exit code 7, \d+ restarts \[WORKLOAD_NOT_READY\]/,
    says: [
      /log crash-web-\S+\/web:\n {2}cannot open the ledger/,
      /crash is deployed at revision 1, which helm took for ready before this happened/,
    ],
  },
  {
    name: 'an image that pods may not pull',
    id: 'pull',
    registry: { pullSecret: undefined },
    verdict: /phase=hook:pre-install .*cannot pull registry\.gap\.test:5000\/pull\/docker\.io\/library\/busybox:1\.35/,
    says: [/pull secret/, /kubectl -n pull create secret docker-registry/],
  },
  {
    name: 'a pod that no node takes',
    id: 'unschedulable',
    values: { web: { cpu: '64' } },
    timeoutSeconds: 20,
    verdict: /phase=wait .*Deployment\/unschedulable-web no node takes its pod: .*Insufficient cpu.*\[WORKLOAD_NOT_READY\]/,
    says: [/requests/],
  },
];

// A crash loop is mostly waiting: the others fail meanwhile.
describe('a Job that fails says why', { concurrency: 2 }, () => {
  describe('what is refused before anything is touched', { concurrency: 1 }, refusedOnes);
  describe('what fails while helm installs', { concurrency: 4 }, failedOnes);
});

async function refusedOnes(): Promise<void> {
  const bundle = await buildBundle(world, { name: 'refused', charts: ['fragile'], installer: 'none' });
  for (const { name, id, verdict, says, registry, ...site } of refused) {
    test(name, async () => {
      const plan = { jobNamespace: 'refused-job', ...site, registry: { prefix: id, ...registry } };
      const told = await verdictOf(world, await startJob(world, bundle, plan));
      assertFailure(told, verdict, says);
      assert.equal((await must(world.kubectl(['get', 'secrets', '-l', 'owner=helm', '-n', 'refused', '-o', 'name']))).stdout, '');
      assert.deepEqual(
        (await world.catalog('inside')).filter((repository) => repository.startsWith(`${id}/`)),
        [],
      );
    });
  }
}

function failedOnes(): void {
  for (const { name, id, verdict, says, ...site } of failed) {
    test(name, async () => {
      const bundle = await buildBundle(world, { name: id, charts: ['fragile'], installer: 'none' });
      assertFailure(await verdictOf(world, await startJob(world, bundle, { jobNamespace: `${id}-job`, ...site })), verdict, says);
    });
  }
}

/** Read as a user does: the verdict on line one, the cause and the fix below it, all of it within what a kubelet keeps. */
function assertFailure({ condition, message, described, report }: Verdict, verdict: RegExp, says: readonly RegExp[]): void {
  const [first = ''] = message.split('\n');
  assert.equal(condition, 'Failed');
  assert.match(first, /^FAILED .* after \d+s: /);
  assert.match(first, verdict);
  for (const section of [/^fix: \S/m, /^state: \S/m, /^next: \S/m, ...says]) assert.match(message, section);
  assert.ok(Buffer.byteLength(message) <= 4000, `${Buffer.byteLength(message)} bytes`);
  assert.ok(described.includes(first), described);
  assert.match(described, /Exit Code: +1\b/);
  assert.equal(report.split('\n')[0], first);
}
