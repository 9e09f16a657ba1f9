import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type TestContext, test } from 'node:test';
import type { Finding } from '../../bundle-spec/finding.ts';
import { discoverRelease } from '../../helm/discover.ts';
import { findFindings } from '../../helm/findings.ts';
import type { Helm } from '../../helm/helm.ts';
import { helmsUnderTest } from './helms.ts';
import { chartFolder, releaseOf } from './packed-chart.ts';

interface Case {
  readonly name: string;
  /** Templates, by file name below `templates/`, or other files by their path. */
  readonly files: Readonly<Record<string, string>>;
  readonly values?: string;
  readonly kubernetes?: readonly string[];
  readonly apiVersions?: readonly string[];
  /** `severity CODE where`. */
  readonly found: readonly string[];
  /** Texts that the messages and fixes have to hold. */
  readonly says?: readonly string[];
  readonly saysNot?: readonly string[];
}

const object = (apiVersion: string, kind: string, rest = '', name = 'a'): string =>
  `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: {name: ${name}}\n${rest}\n`;
const pod = (image: string, name = 'a'): string =>
  object('v1', 'Pod', `spec: {containers: [{name: a, image: "${image}"}]}`, name);
const deployment = (labels: string): string =>
  object('apps/v1', 'Deployment', `spec: {selector: {matchLabels: {${labels}}}, template: {spec: {containers: []}}}`);

/** Text of `size` characters that compression makes smaller by no more than a quarter. */
function noise(size: number): string {
  const lines = Array.from({ length: Math.ceil(size / 89) }, (_, index) =>
    createHash('sha512').update(`${index}`).digest('base64'),
  );
  return lines.join('\n').slice(0, size);
}

const where = (name: string): string => `${name} (shop/templates/a.yaml)`;

const cases: readonly Case[] = [
  { name: 'nothing', files: { 'a.yaml': pod('quay.io/a/b:1.2.3') }, found: [] },
  {
    name: 'a kind that the minor has removed, with what took its place',
    files: { 'a.yaml': object('policy/v1beta1', 'PodDisruptionBudget') },
    found: [`error API_REMOVED ${where('PodDisruptionBudget/a')}`],
    says: ['gone since Kubernetes 1.25', 'policy/v1 took its place', 'for 1.36'],
  },
  {
    name: 'a kind that only the later minor has removed',
    files: { 'a.yaml': object('flowcontrol.apiserver.k8s.io/v1beta3', 'FlowSchema') },
    kubernetes: ['1.31', '1.32', '1.36'],
    found: [`error API_REMOVED ${where('FlowSchema/a')}`],
    says: ['gone since Kubernetes 1.32', 'for 1.32, 1.36'],
  },
  {
    name: 'a kind for which there is another way',
    files: { 'a.yaml': object('policy/v1beta1', 'PodSecurityPolicy') },
    found: [`error API_REMOVED ${where('PodSecurityPolicy/a')}`],
    says: ['Pod Security admission'],
  },
  {
    name: 'a removed kind that the chart asks for: helm says it is there, a cluster does not',
    files: {
      'a.yaml': `{{ if .Capabilities.APIVersions.Has "policy/v1beta1" }}\n${object('policy/v1beta1', 'PodSecurityPolicy')}{{ end }}`,
    },
    found: [`info API_REMOVED ${where('PodSecurityPolicy/a')}`],
  },
  {
    name: 'a removed kind in a test only',
    files: {
      'a.yaml':
        'apiVersion: batch/v1beta1\nkind: CronJob\nmetadata: {name: a, annotations: {helm.sh/hook: "test, test-success"}}\n',
    },
    found: [`warning API_REMOVED ${where('CronJob/a')}`],
  },
  {
    name: 'kinds that are not served yet, and not by default',
    files: {
      'a.yaml': `${object('resource.k8s.io/v1', 'DeviceClass')}---\n${object('resource.k8s.io/v1beta2', 'ResourceClaim')}`,
    },
    kubernetes: ['1.33'],
    found: [`warning API_MISSING ${where('DeviceClass/a')}`, `warning API_MISSING ${where('ResourceClaim/a')}`],
    says: ['from Kubernetes 1.34 on', '--runtime-config'],
  },
  {
    name: 'custom resources whose definition nothing brings',
    files: { 'a.yaml': object('monitoring.coreos.com/v1', 'ServiceMonitor') },
    found: [`info API_MISSING ${where('ServiceMonitor/a')}`],
    says: ['CustomResourceDefinition of monitoring.coreos.com', 'target.apiVersions: ["monitoring.coreos.com/v1"]'],
  },
  {
    name: 'custom resources whose definition the cluster is said to have',
    files: { 'a.yaml': object('monitoring.coreos.com/v1', 'ServiceMonitor') },
    apiVersions: ['monitoring.coreos.com/v1'],
    found: [],
  },
  {
    name: 'custom resources that the chart defines, in crds/ or in a template',
    files: {
      'a.yaml': [object('a.example.com/v1', 'Policy'), object('b.example.com/v1', 'Proxy')].join('---\n'),
      'crds/a.yaml': object('apiextensions.k8s.io/v1', 'CustomResourceDefinition', '', 'policies.a.example.com'),
      'b.yaml': object('apiextensions.k8s.io/v1', 'CustomResourceDefinition', '', 'proxies.b.example.com'),
    },
    found: [],
  },
  {
    name: 'tags that move',
    files: {
      'a.yaml': ['latest', 'main-alpine', '1', 'v2', '16-bookworm', 'nonroot', 'stable-3.0.0', '3.19', '20240102', 'v1.2.3-rc.1']
        .map((tag, index) => pod(`quay.io/a/${tag}:${tag}`, `p${index}`))
        .join('---\n'),
    },
    found: [0, 1, 2, 3, 4, 5].map((index) => `warning TAG_MUTABLE Pod/p${index} spec.containers[0].image`),
    says: ['quay.io/a/16-bookworm:16-bookworm', 'quay.io/a/nonroot:nonroot'],
    saysNot: ['stable-3.0.0', '3.19'],
  },
  { name: 'a moving tag that a digest pins', files: { 'a.yaml': pod(`a/b:latest@sha256:${'a'.repeat(64)}`) }, found: [] },
  {
    name: 'an image without tag, by the values path that controls it',
    files: { 'a.yaml': pod('{{ .Values.web.image }}'), 'values.yaml': 'web: {image: quay.io/a/web}\n' },
    found: ['warning UNTAGGED web.image'],
    says: ['quay.io/a/web has no tag'],
  },
  {
    name: 'tags from before the release',
    files: {
      'a.yaml': ['set-by-chartpress', 'dev', 'v0.0.0', '0.0.0-dev', 'CHANGEME', 'TODO', '0.0.0-20240101', 'v0.1.0-dev']
        .map((tag, index) => pod(`quay.io/a/b:${tag}`, `p${index}`))
        .join('---\n'),
    },
    found: [0, 1, 2, 3, 4, 5].map((index) => `warning TAG_PLACEHOLDER Pod/p${index} spec.containers[0].image`),
    says: ['released chart', 'set-by-chartpress', 'CHANGEME'],
  },
  {
    name: 'a tag made of the version of the cluster',
    files: { 'a.yaml': pod('registry.k8s.io/kubectl:{{ .Capabilities.KubeVersion.Version }}') },
    found: [`warning TAG_FOLLOWS_CLUSTER ${where('Pod/a')}`],
    says: ['target.kubernetes: ["1.36.PATCH"]', 'images.extra: ["registry.k8s.io/kubectl:v1.36.PATCH"]'],
  },
  {
    name: 'a tag made of the exact version of the cluster that the spec gives',
    files: { 'a.yaml': pod('registry.k8s.io/kubectl:{{ .Capabilities.KubeVersion.Version }}') },
    kubernetes: ['1.36.3'],
    found: [`info TAG_FOLLOWS_CLUSTER ${where('Pod/a')}`],
    says: ['registry.k8s.io/kubectl:v1.36.3: ', 'images.extra: ["registry.k8s.io/kubectl:v1.36.PATCH"]'],
    saysNot: ['target.kubernetes'],
  },
  {
    name: 'a tag that only looks like it, and one of the minor alone',
    files: { 'a.yaml': `# {{ .Capabilities.KubeVersion }}\n${pod('registry.k8s.io/kubectl:v1.36.0')}` },
    found: [],
  },
  {
    name: 'readable passwords, by path and never by value',
    files: {
      'values.yaml': [
        'admin: {password: hunter2, existingPassword: hunter2, passwordKey: admin-pass, passwordFile: /run/x}',
        'users: [{name: a, apiToken: hunter2}]',
        'oauth: {clientSecret: "{{ .Values.x }}", cookieSecret: hunter2}',
        'tls: {secret: my-tls, secretName: my-tls}',
        'hook: {secret: Hunter2}',
        'other: {secretKeys: {password: postgres-password}, accessKey: access-key, privateKey: hunter2}',
        'env: {DB_PASSWORD: $(DB_PASSWORD), token: null, authToken: ""}',
      ].join('\n'),
    },
    values: 'db: {rootPassword: hunter2}',
    found: [
      'admin.password',
      'db.rootPassword',
      'hook.secret',
      'oauth.cookieSecret',
      'other.privateKey',
      'users[0].apiToken',
    ].map((path) => `warning PASSWORD_IN_VALUES ${path}`),
    saysNot: ['unter2'],
  },
  {
    name: 'a release that no Secret can hold',
    files: { 'files/big.txt': noise(1_300_000), 'README.md': noise(2048) },
    found: ['error RELEASE_TOO_LARGE files/big.txt (1270 KiB), README.md (2 KiB), Chart.yaml (0 KiB)'],
  },
  {
    name: 'a release that a Secret holds just so',
    files: { 'files/big.txt': noise(750_000) },
    found: ['warning RELEASE_TOO_LARGE files/big.txt (732 KiB), Chart.yaml (0 KiB)'],
  },
  {
    name: 'large files of a subchart and CRDs of its own, which helm does not store',
    files: {
      'charts/sub/Chart.yaml': 'apiVersion: v2\nname: sub\nversion: 1.0.0\n',
      'charts/sub/README.md': noise(2_000_000),
    },
    found: [],
  },
  {
    name: 'names that change with each render',
    files: {
      'a.yaml': `${object('v1', 'ConfigMap', '', 'x-{{ randAlphaNum 8 | lower }}')}---\n${pod('{{ .Values.image }}')}`,
      'values.yaml': 'image: quay.io/a/b:1.2.3\n',
    },
    found: ['warning NAME_CHANGES ConfigMap/x-* (shop/templates/a.yaml)'],
  },
  {
    name: 'names made of what was probed change in a probe alone',
    files: {
      'a.yaml': `${object('v1', 'ConfigMap', '', 'x-{{ .Values.image.repository | sha256sum | trunc 8 }}')}---\n${pod('{{ .Values.image.repository }}:1.2.3')}`,
      'values.yaml': 'image: {repository: quay.io/a/b}\n',
    },
    found: [],
  },
  {
    name: 'versions in selectors, however written',
    files: {
      'a.yaml': deployment('app: a, "helm.sh/chart": "{{ .Chart.Name }}-{{ .Chart.Version }}"'),
      'b.yaml': deployment('app: b, release: "{{ .Chart.AppVersion }}"').replace('name: a', 'name: b'),
      'c.yaml': deployment('app: c').replace('name: a', 'name: c'),
      'd.yaml': object(
        'apps/v1',
        'StatefulSet',
        'spec: {selector: {matchLabels: {app: d}}, volumeClaimTemplates: [{metadata: {name: data, labels: {chart: "{{ .Chart.Name }}-{{ .Chart.Version }}"}}}]}',
        'd',
      ),
      'Chart.yaml': 'apiVersion: v2\nname: shop\nversion: 1.0.0\nappVersion: "2.7.1"\n',
    },
    found: [
      'warning SELECTOR_HAS_VERSION Deployment/a spec.selector.matchLabels',
      'warning SELECTOR_HAS_VERSION Deployment/b spec.selector.matchLabels',
      'warning SELECTOR_HAS_VERSION StatefulSet/d spec.volumeClaimTemplates[0].metadata.labels',
    ],
  },
  {
    name: 'a values schema that needs the internet',
    files: { 'values.schema.json': '{"properties": {"a": {"$ref": "https://schemas.shop.invalid/a.json"}}}' },
    found: ['info SCHEMA_REMOTE values.schema.json'],
    says: ['https://schemas.shop.invalid/a.json'],
  },
  {
    name: 'a subchart of another version than Chart.yaml asks for',
    files: {
      'Chart.yaml': 'apiVersion: v2\nname: shop\nversion: 1.0.0\ndependencies: [{name: sub, version: 1.1.0}]\n',
      'charts/sub/Chart.yaml': 'apiVersion: v2\nname: sub\nversion: 0.0.11\n',
    },
    found: ['warning DEPENDENCY_VERSION Chart.yaml'],
    says: ['sub 1.1.0 (found 0.0.11)'],
  },
];

async function findingsOf(
  t: TestContext,
  helm: Helm,
  { files, values, kubernetes = ['1.36'], apiVersions = [] }: Case,
): Promise<Finding[]> {
  const placed = Object.entries(files).map(([path, text]) => [/^[a-z]\.yaml$/.test(path) ? `templates/${path}` : path, text]);
  const release = await releaseOf(t, await chartFolder(t, Object.fromEntries(placed)), values === undefined ? [] : [values]);
  const options = { kubernetes, apiVersions, paths: [], ignore: [], signal: t.signal };
  const discovery = await discoverRelease(helm, release, options);
  return findFindings(helm, { release, discovery, chart: await readFile(release.chart) }, options);
}

for (const helm of await helmsUnderTest()) {
  for (const entry of cases) {
    test(`helm ${helm.version} finds: ${entry.name}`, async (t) => {
      const found = await findingsOf(t, helm, entry);
      const lines = found.map(({ severity, code, where: place }) => `${severity} ${code} ${place}`);
      assert.deepEqual(lines.sort(), [...entry.found].sort());
      const text = found.map(({ message, fix = '' }) => `${message}\n${fix}`).join('\n');
      for (const part of entry.says ?? []) assert.ok(text.includes(part), `${part} is not in: ${text}`);
      for (const part of entry.saysNot ?? []) assert.ok(!text.includes(part), `${part} is in: ${text}`);
    });
  }
}

test('the worst comes first', async (t) => {
  const [helm] = await helmsUnderTest();
  assert.ok(helm);
  const found = await findingsOf(t, helm, {
    name: '',
    files: {
      'a.yaml': `${pod('a/b')}---\n${object('a.example.com/v1', 'A')}---\n${object('batch/v1beta1', 'CronJob')}`,
    },
    found: [],
  });
  assert.deepEqual(
    found.map(({ severity }) => severity),
    ['error', 'warning', 'info'],
  );
});
