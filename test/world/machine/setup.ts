/** Brings a machine everything the world needs; quick when it is all there: `npm run world:setup`. */
import { attempt } from '../../../build/command.ts';
import { helm4 } from '../../../build/helm.ts';
import { baseImageStore } from '../base-images.ts';
import { busyboxImage, podinfoChart, podinfoImage } from '../images.ts';
import { kubernetesVersion } from './cluster-binary.ts';
import { installPackages } from './debian.ts';
import { gitea, giteaFolder } from './gitea.ts';
import { cosign, crane, helm3, podinfo, registry } from './programs.ts';
import { makers } from './tools.ts';

type Step = readonly [name: string, make: () => Promise<unknown>];

const steps: readonly Step[] = [
  ['Debian packages', installPackages],
  ['Go', assertGo],
  [`Kubernetes ${kubernetesVersion}`, () => makers.cluster({})],
  [`helm ${helm4.version}`, () => makers.helm4({})],
  [`helm ${helm3.version}`, () => makers.helm3({})],
  [`distribution ${registry.version}`, () => makers.registry({})],
  [`crane ${crane.version}`, () => makers.crane({})],
  [`Gitea ${gitea.version}`, () => giteaFolder()],
  [`podinfo ${podinfo.version}`, () => makers.podinfo({})],
  [`cosign ${cosign.version}`, () => makers.cosign({})],
  ['skopeo', () => makers.skopeo({})],
  ['base images', baseImageStore],
  ['busybox image', busyboxImage],
  ['podinfo image', podinfoImage],
  ['podinfo chart', podinfoChart],
];

for (const [name, make] of steps) {
  const startedMs = Date.now();
  process.stderr.write(name.padEnd(60)); // first, because a compile takes minutes
  try {
    await make();
  } catch (error) {
    process.stderr.write(`\nerror: ${name}: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  }
  process.stderr.write(`${((Date.now() - startedMs) / 1000).toFixed(1)} s\n`);
}

async function assertGo(): Promise<void> {
  const found = await attempt(['go', 'env', 'GOVERSION']).catch(() => undefined);
  const [, major, minor] = /^go(\d+)\.(\d+)/.exec(found?.stdout ?? '') ?? [];
  if (Number(major) === 1 && Number(minor) >= 26) return;
  throw new Error(`found ${found?.stdout.trim() || 'none'}; install Go 1.26 or newer and have it on the PATH`);
}
