import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadAll, YAML11_SCHEMA } from 'js-yaml';
import { parseDocument } from '../../bundle-spec/parse-document.ts';
import { Site } from '../../bundle-spec/site.ts';
import { installFolder } from '../../cluster/install-folder.ts';
import { type InstallableBundle, installManifests } from '../../cluster/install-manifests.ts';
import { clientCertificateDirectory } from '../../cluster/job-manifest.ts';
import { manifestYaml } from '../../cluster/manifest-yaml.ts';
import { jobName, labelValue } from '../../cluster/object-names.ts';
import type { KubernetesObject } from '../../cluster/objects.ts';
import { siteForJob } from '../../cluster/site-for-job.ts';

const chart = `sha256:${'0'.repeat(64)}` as const;
const release = {
  name: 'web',
  namespace: { name: 'shop', create: true },
  chart,
  values: [{ secret: { name: 'web-values', key: 'values.yaml', optional: false } }],
  scan: {},
  dependsOn: [],
  paths: [],
  kinds: [{ apiVersion: 'apps/v1', kind: 'Deployment' }],
};
const bundle: InstallableBundle = {
  tool: '0.1.0',
  metadata: { name: 'shop', version: '1.4.0' },
  releases: [release],
  installer: 'docker.io/diolkos/diolkos:0.1.0',
};

const siteWith = (extra: object): Site =>
  Site.parse({
    apiVersion: 'diolkos.dev/v1',
    kind: 'Site',
    registry: { host: 'registry.internal:5000', ...extra },
    bundle: claim,
  });
const claim = { persistentVolumeClaim: { name: 'bundles', path: 'in/shop.tar' } };

/** What stands at a dotted path of an object. */
function at(value: unknown, path: string): unknown {
  return path.split('.').reduce((found, key) => (found as Record<string, unknown> | undefined)?.[key], value);
}
const find = (objects: readonly KubernetesObject[], kind: string, name?: string): unknown =>
  objects.find((object) => object.kind === kind && (name === undefined || object.metadata.name === name));
const podOf = (objects: readonly KubernetesObject[]): unknown => at(find(objects, 'Job'), 'spec.template.spec');
const containerOf = (
  objects: readonly KubernetesObject[],
): { readonly args: string[]; readonly env: Named[]; readonly volumeMounts: Named[] } =>
  at(podOf(objects), 'containers.0') as never;
type Named = { readonly name: string; readonly value: string; readonly mountPath: string };
const levelOf = (objects: readonly KubernetesObject[]): unknown =>
  (at(find(objects, 'Namespace', 'diolkos'), 'metadata.labels') as Record<string, string>)['pod-security.kubernetes.io/enforce'];

test('the Job meets the restricted Pod Security Standard', () => {
  const pod = podOf(installManifests(bundle, siteWith({})));
  assert.deepEqual(at(pod, 'securityContext'), {
    runAsNonRoot: true,
    runAsUser: 65532,
    runAsGroup: 65532,
    seccompProfile: { type: 'RuntimeDefault' },
  });
  assert.deepEqual(at(pod, 'containers.0.securityContext'), {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  });
  const volumes = (at(pod, 'volumes') as object[]).flatMap((volume) => Object.keys(volume)).filter((key) => key !== 'name');
  assert.ok(volumes.every((kind) => ['configMap', 'emptyDir', 'secret', 'persistentVolumeClaim'].includes(kind)));
});

test('the Job never runs twice by itself, and its message survives', () => {
  const objects = installManifests(bundle, siteWith({}));
  const job = at(find(objects, 'Job'), 'spec');
  const { args } = containerOf(objects);
  assert.equal(at(job, 'backoffLimit'), 0);
  assert.equal(at(job, 'template.spec.restartPolicy'), 'Never');
  assert.equal(at(job, 'template.spec.containers.0.terminationMessagePolicy'), 'FallbackToLogsOnError');
  assert.ok(Number(args[args.indexOf('--deadline') + 1]) < Number(at(job, 'activeDeadlineSeconds')));
});

test('the image of the installer is never pulled when it is on the node', () => {
  const container = containerOf(installManifests(bundle, siteWith({})));
  assert.equal(at(container, 'image'), 'docker.io/diolkos/diolkos:0.1.0');
  assert.equal(at(container, 'imagePullPolicy'), 'IfNotPresent');
});

test('the bundle is read from the claim that the site names, and the level of the namespace is restricted', () => {
  const objects = installManifests(bundle, siteWith({}));
  const { args } = containerOf(objects);
  assert.equal(args[args.indexOf('--bundle') + 1], '/bundle/in/shop.tar');
  assert.deepEqual(at(podOf(objects), 'volumes.0.persistentVolumeClaim'), { claimName: 'bundles', readOnly: true });
  assert.equal(levelOf(objects), 'restricted');
});

test('further directories with volumes of the bundle are mounted and named to the Job', () => {
  const inClaim = { persistentVolumeClaim: { ...claim.persistentVolumeClaim, volumes: ['more', '/two'] } };
  const onNode = { hostPath: { path: '/srv/one/shop.tar.001', volumes: ['/srv/two'] } };
  const named = (location: Site['bundle']) =>
    containerOf(installManifests(bundle, { ...siteWith({}), bundle: location }))
      .args.join(' ')
      .replace(/ --site.*/, '');
  assert.equal(named(inClaim), '--bundle /bundle/in/shop.tar --volumes /bundle/more --volumes /bundle/two');
  assert.equal(named(onNode), '--bundle /bundle/shop.tar.001 --volumes /volumes-1');
  const objects = installManifests(bundle, { ...siteWith({}), bundle: onNode });
  assert.deepEqual(at(podOf(objects), 'volumes.1'), { name: 'volumes-1', hostPath: { path: '/srv/two', type: 'Directory' } });
  assert.equal(containerOf(objects).volumeMounts.find(({ name }) => name === 'volumes-1')?.mountPath, '/volumes-1');
});

test('a hostPath needs a privileged namespace and ties the Job to its node', () => {
  const site = { ...siteWith({}), bundle: { hostPath: { path: '/srv/bundles/shop.tar', node: 'node-1' } } };
  const objects = installManifests(bundle, site);
  assert.deepEqual(at(podOf(objects), 'volumes.0'), { name: 'bundle', hostPath: { path: '/srv/bundles', type: 'Directory' } });
  assert.deepEqual(at(podOf(objects), 'nodeSelector'), { 'kubernetes.io/hostname': 'node-1' });
  assert.equal(levelOf(objects), 'privileged');
});

test('a site that does not say where the bundle lies is refused', () => {
  const { bundle: _, ...site } = siteWith({});
  assert.throws(() => installManifests(bundle, site), { code: 'SITE_INVALID' });
});

test('registry credentials are mounted as a docker config, and only when the site names a Secret', () => {
  const without = podOf(installManifests(bundle, siteWith({})));
  assert.ok(!JSON.stringify(without).includes('DOCKER_CONFIG'));
  const { env, volumeMounts } = containerOf(installManifests(bundle, siteWith({ credentials: { secret: 'push' } })));
  const mount = volumeMounts.find(({ name }) => name === 'registry-credentials');
  assert.ok(mount);
  assert.equal(env.find(({ name }) => name === 'DOCKER_CONFIG')?.value, mount.mountPath);
});

test('a client certificate is mounted from its Secret, where the Job looks for it', () => {
  const pod = podOf(installManifests(bundle, siteWith({ clientCertificate: { secret: 'registry-client' } })));
  const text = JSON.stringify(pod);
  assert.match(text, /"secretName":"registry-client".*"tls\.crt".*"tls\.key"/);
  const { volumeMounts } = containerOf(installManifests(bundle, siteWith({ clientCertificate: { secret: 'registry-client' } })));
  assert.equal(volumeMounts.find(({ name }) => name === 'client-certificate')?.mountPath, clientCertificateDirectory);
});

test('a client certificate that is in files only is an error before the Job, and with a Secret the files stay here', async (t) => {
  const options = { directory: '/', signal: t.signal };
  const files = { cert: 'client.pem', key: 'client-key.pem' };
  await assert.rejects(siteForJob(siteWith({ clientCertificate: files }), options), {
    code: 'SITE_INVALID',
    hint: /create secret tls/,
  });
  const { registry } = await siteForJob(siteWith({ clientCertificate: { ...files, secret: 'registry-client' } }), options);
  assert.deepEqual(registry.clientCertificate, { secret: 'registry-client' });
});

test('a pull secret goes to the default account of each release’s namespace', () => {
  const objects = installManifests(bundle, siteWith({ pullSecret: 'pull' }));
  assert.deepEqual(
    objects.find(({ kind, metadata }) => kind === 'ServiceAccount' && metadata.name === 'default'),
    {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'default', namespace: 'shop' },
      imagePullSecrets: [{ name: 'pull' }],
    },
  );
});

test('a namespace that must exist is not declared, and one of several releases is declared once', () => {
  const releases = [release, { ...release, name: 'api' }, { ...release, name: 'db', namespace: { name: 'data', create: false } }];
  const objects = installManifests({ ...bundle, releases }, siteWith({}));
  assert.deepEqual(
    objects.filter(({ kind }) => kind === 'Namespace').map(({ metadata }) => metadata.name),
    ['diolkos', 'shop'],
  );
});

test('namespaces come first and the Job last', () => {
  const kinds = installManifests(bundle, siteWith({})).map(({ kind }) => kind);
  assert.equal(kinds[0], 'Namespace');
  assert.equal(kinds.at(-1), 'Job');
});

test('the site travels whole: the Job reads from the ConfigMap what was given', () => {
  const site = siteWith({ ca: { inline: 'PEM\nTEXT\n' }, prefix: 'mirror' });
  const text = (find(installManifests(bundle, site), 'ConfigMap') as { data: { 'site.yaml': string } }).data['site.yaml'];
  assert.deepEqual(parseDocument(Site, text, { file: 'site.yaml', code: 'SITE_INVALID' }), site);
});

test('install/ is read by kubectl in order, and its sample site is valid as it stands', () => {
  const files = installFolder(bundle);
  assert.deepEqual(
    files.map(({ name }) => name),
    [
      'README.md',
      '10-namespaces.yaml',
      '20-rights.yaml',
      '30-site.yaml',
      '40-pull-secrets.yaml',
      '50-volume.yaml',
      '60-job.yaml',
    ],
  );
  for (const { name, text } of files.filter(({ name }) => name.endsWith('.yaml'))) {
    for (const object of loadAll(text) as KubernetesObject[])
      assert.ok(object.apiVersion && object.kind && object.metadata.name, name);
  }
  const [site] = loadAll(files[3]?.text ?? '') as [{ data: { 'site.yaml': string } }];
  const parsed = parseDocument(Site, site.data['site.yaml'], { file: 'site.yaml', code: 'SITE_INVALID' });
  assert.equal(parsed.registry.host, 'registry.internal:5000');
});

test('the volume of install/ and the Job agree on claim and file', () => {
  const objects = installFolder(bundle).flatMap(({ name, text }) =>
    name.endsWith('.yaml') ? (loadAll(text) as KubernetesObject[]) : [],
  );
  const claimName = at(podOf(objects), 'volumes.0.persistentVolumeClaim.claimName');
  assert.equal(claimName, at(find(objects, 'PersistentVolumeClaim'), 'metadata.name'));
  assert.equal(at(find(objects, 'PersistentVolume'), 'spec.local.path'), '/var/lib/diolkos');
  assert.ok(containerOf(objects).args.includes('/bundle/shop-1.4.0.tar'));
});

const readmeLines = [
  'tar xf shop.tar install',
  'ctr -n k8s.io images import install/installer.tar',
  'cp shop.tar /var/lib/diolkos/shop-1.4.0.tar',
  'kubectl label node NODE diolkos.dev/bundles=',
  'for namespace in diolkos shop; do',
  'kubectl apply -f install/',
  'kubectl -n diolkos logs --follow job/diolkos-shop-1-4-0',
  'kubectl replace --force -f install/60-job.yaml',
  'needs the Secret `web-values` in namespace `shop`, key `values.yaml`',
  'terminated.message}',
];
for (const line of readmeLines) {
  test(`README.md says "${line}"`, () => assert.ok(installFolder(bundle)[0]?.text.includes(line)));
}

test('README.md has no archive imported that the bundle does not hold', () => {
  const { installer, ...without } = { installer: 'docker.io/diolkos/diolkos:0.1.0', ...bundle };
  const importLine = '    ctr -n k8s.io images import install/installer.tar';
  assert.ok(installFolder({ ...without, installer })[0]?.text.includes(importLine));
  const text = installFolder(without)[0]?.text ?? '';
  assert.ok(!text.includes('images import install/installer.tar'));
  assert.match(text, /built without the image of the Job/);
});

test('README.md explains escalate and bind only where charts bring RBAC', () => {
  const withRole = { ...release, kinds: [{ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role' }] };
  assert.ok(!installFolder(bundle)[0]?.text.includes('escalate'));
  assert.ok(installFolder({ ...bundle, releases: [withRole] })[0]?.text.includes('escalate'));
});

test('manifests read the same by YAML 1.1, which kubectl reads', () => {
  const data = { a: 'yes', b: '0755', c: '1.30', d: 'x: y\n', e: '1:30', f: 'null', y: 'n' };
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'on' }, data };
  assert.deepEqual(loadAll(manifestYaml([object]), { schema: YAML11_SCHEMA }), [object]);
});

const names = [
  { bundle: { name: 'shop', version: '1.4.0' }, name: 'diolkos-shop-1-4-0' },
  { bundle: { name: 'shop', version: '1.4.0+Build_7' }, name: /^diolkos-shop-1-4-0-build-7-[0-9a-f]{8}$/ },
  { bundle: { name: 'a'.repeat(63), version: '1' }, name: /^diolkos-a{46}-[0-9a-f]{8}$/ },
];
for (const { bundle: named, name } of names) {
  test(`the Job of ${named.name} ${named.version} has a name that fits into a label`, () => {
    const made = jobName(named);
    if (typeof name === 'string') assert.equal(made, name);
    else assert.match(made, name);
    assert.ok(made.length <= 63);
  });
}

test('a version becomes a label value', () => {
  assert.equal(labelValue('1.4.0+build.7'), '1.4.0_build.7');
  assert.equal(labelValue('_1.'), '1');
});
