/**
 * The whole way on one machine, with nothing but Node and npm: `npm run demo`. Two throw-away registries stand for the two sides.
 * The images are tiny, the chart, helm, the build, the tar, the push and the proof are real. What needs a cluster is printed, not run:
 * `npm run demo -- --world` runs that, on the Kubernetes of the tests.
 */
import { spawn } from 'node:child_process';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { helmOfKubectlLayer } from '../test/helm/kubectl-layer.ts';
import { type MemoryRegistry, startMemoryRegistry } from '../test/registries/memory-registry.ts';
import { seedShop } from './seed-shop.ts';
import { showRewrite } from './show-rewrite.ts';

const root = join(import.meta.dirname, '..');
const connected = join(root, '.demo/connected');
const behind = join(root, '.demo/behind-the-gap');
const started = performance.now();

const nextCommands = `
On a real cluster, with a spec that does not say "installer: none", these are the next commands:

  $ kubectl create namespace diolkos
  $ kubectl -n diolkos create secret docker-registry bundle-registry --docker-server=REGISTRY --docker-username=… --docker-password=…
  $ diolkos manifest shop.tar --site site.yaml | kubectl apply -f -
  $ kubectl -n diolkos get pods -o jsonpath='{range .items[*]}{.status.containerStatuses[*].state.terminated.message}{"\\n"}{end}'

The bundle's own install/ folder does the same with nothing of ours: tar xf shop.tar install; less install/README.md`;

try {
  if (process.argv.includes('--world')) {
    const { demoOnWorld } = await import('./demo-world.ts');
    await demoOnWorld(say, title);
  } else {
    await demoWithoutCluster();
  }
  say(`\nDone in ${((performance.now() - started) / 1000).toFixed(1)} s.`);
} catch (error) {
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

async function demoWithoutCluster(): Promise<void> {
  process.env.DIOLKOS_HELM ??= await helmOfKubectlLayer();
  await rm(join(root, '.demo'), { recursive: true, force: true });
  await cp(join(import.meta.dirname, 'shop'), connected, { recursive: true });
  await mkdir(behind, { recursive: true });
  const outside = await startMemoryRegistry();
  const inside = await startMemoryRegistry();
  try {
    await connectedSide(outside);
    await outside.stop();
    await gapSide(inside);
  } finally {
    await Promise.all([outside.stop(), inside.stop()]);
  }
  say('\nThe files are in .demo/; look at them. "npm run demo -- --world" does what is left, on a real Kubernetes.');
}

async function connectedSide(registry: MemoryRegistry): Promise<void> {
  title('Connected side: an application, its chart, a registry with its images');
  await seedShop(registry);
  await addSources(registry.host);
  title('What will the chart run? Every image, where it was found, and which value controls it');
  await diolkos('images', join(connected, 'bundle.yaml'));
  title('Build: everything into one tar');
  await diolkos('build', join(connected, 'bundle.yaml'), '-o', join(connected, 'shop.tar'));
  await diolkos('inspect', join(connected, 'shop.tar'));
  say('\n(The installer image was left out: the spec says "installer: none". A real bundle carries it, in install/.)');
}

async function gapSide(registry: MemoryRegistry): Promise<void> {
  title('The gap: the tar is carried over; the connected registry is gone');
  await cp(join(connected, 'shop.tar'), join(behind, 'shop.tar'));
  await writeFile(join(behind, 'site.yaml'), siteYaml(registry.host));
  await diolkos('verify', join(behind, 'shop.tar'));
  title('Push: straight from the tar, each blob once');
  await diolkos('push', join(behind, 'shop.tar'), '--site', join(behind, 'site.yaml'));
  await diolkos('push', join(behind, 'shop.tar'), '--site', join(behind, 'site.yaml'));
  title('Rewrite: the values that make every image local, proven by a second render');
  await showRewrite(join(behind, 'shop.tar'), registry.host, say);
  title('The Job, to apply on a real cluster');
  await diolkos('manifest', join(behind, 'shop.tar'), '--site', join(behind, 'site.yaml'));
  say(nextCommands);
}

/** The example names its images as a public registry would; here they come from the throw-away one. */
async function addSources(mirror: string): Promise<void> {
  const file = join(connected, 'bundle.yaml');
  const hosts = ['docker.io', 'registry.example.com', 'tools.example.com'];
  const lines = hosts.map((host) => `    - { host: ${host}, mirror: "${mirror}/${host}", plainHttp: true }\n`);
  await writeFile(file, `${await readFile(file, 'utf8')}sources:\n  images:\n${lines.join('')}`);
}

function siteYaml(host: string): string {
  return `apiVersion: diolkos.dev/v1
kind: Site
registry:
  host: ${host}
  plainHttp: true
  credentials: { secret: bundle-registry }
  pullSecret: bundle-registry
bundle:
  persistentVolumeClaim: { name: bundles, path: shop.tar }
`;
}

/** Runs the CLI from source as a process of its own, as a user would, and shows the command. */
async function diolkos(...args: readonly string[]): Promise<void> {
  const shown = args.map((arg) => (arg.startsWith(root) ? relative(root, arg) : arg));
  say(`\n$ diolkos ${shown.join(' ')}`);
  const child = spawn(process.execPath, [join(root, 'src/main.ts'), ...shown], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const code = await new Promise((resolve) => child.once('exit', resolve));
  if (code !== 0) throw new Error(`diolkos ${shown.join(' ')} ended with ${code}`);
}

function title(text: string): void {
  say(`\n── ${text} ${'─'.repeat(Math.max(0, 100 - text.length))}`);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
