import type { Values } from '../../bundle-spec/values-layer.ts';

/** What discovery and rewrite of one chart in `test/charts/` have to show, with no values of the user's, for registry.internal:5000/mirror. */
export interface ChartCase {
  readonly chart: string;
  readonly shape: string;
  /** Default: 1.36 alone. */
  readonly kubernetes?: readonly string[];
  /** How many times helm renders until everything is found. */
  readonly renders: number;
  /** By reference: the values paths that control it, and all its places. No path: hard-coded. */
  readonly found: Readonly<Record<string, { readonly paths: readonly string[]; readonly places: readonly string[] }>>;
  readonly overrides: Values;
  /** What the post-renderer replaces, as written; default nothing. */
  readonly postRendered?: readonly string[];
  /** Reason and text of what the proof leaves, and of what it leaves under Helm 3 besides, which sends no hooks through a post-renderer. */
  readonly leftovers: readonly string[];
  readonly leftoversOfHelm3?: readonly string[];
}

const digest = `sha256:${'a'.repeat(64)}` as const;

export const chartCases: readonly ChartCase[] = [
  {
    chart: 'arguments-and-variables',
    shape: 'references in flags, comma lists and variables; counts and taints are none',
    renders: 2,
    found: {
      'quay.io/jet/solver:v1': {
        paths: ['solver.image.repository'],
        places: ['Deployment/operator spec.template.spec.containers[0].command[2]'],
      },
      'quay.io/mesh/init:1.2': {
        paths: ['sidecars'],
        places: ['Deployment/operator spec.template.spec.containers[0].args[1]'],
      },
      'quay.io/mesh/proxy:1.2': {
        paths: ['sidecars'],
        places: ['Deployment/operator spec.template.spec.containers[0].args[1]'],
      },
      'quay.io/op/operator:v0.80.0': {
        paths: [],
        places: [
          'Deployment/operator spec.template.spec.containers[0].image',
          'Deployment/operator spec.template.spec.containers[0].args[2]',
        ],
      },
      'quay.io/op/reloader:v0.80.0': {
        paths: ['reloader.image.registry'],
        places: ['Deployment/operator spec.template.spec.containers[0].args[0]'],
      },
      'quay.io/streams/kafka:1.0-kafka-4.1.0': {
        paths: ['versions.registry'],
        places: ['Deployment/operator spec.template.spec.containers[0].env[1].value'],
      },
      'quay.io/streams/kafka:1.0-kafka-4.2.0': {
        paths: ['versions.registry'],
        places: ['Deployment/operator spec.template.spec.containers[0].env[1].value'],
      },
    },
    overrides: {
      reloader: {
        image: {
          registry: 'registry.internal:5000/mirror/quay.io',
        },
      },
      sidecars: 'registry.internal:5000/mirror/quay.io/mesh/init:1.2,registry.internal:5000/mirror/quay.io/mesh/proxy:1.2',
      solver: {
        image: {
          repository: 'registry.internal:5000/mirror/quay.io/jet/solver',
        },
      },
      versions: {
        registry: 'registry.internal:5000/mirror/quay.io',
      },
    },
    postRendered: ['quay.io/op/operator:v0.80.0'],
    leftovers: ['untagged ghcr.io/scan/db', 'untagged mirror.example.com/scan/db'],
  },
  {
    chart: 'breaks-when-probed',
    shape: 'a chart that fails or hides a pod when probed is probed in groups',
    renders: 9,
    found: {
      'quay.io/shop/api:1': {
        paths: ['api.image.repository'],
        places: ['Pod/api spec.containers[0].image'],
      },
      'quay.io/shop/db:1': {
        paths: [],
        places: ['Pod/db spec.containers[0].image'],
      },
      'quay.io/shop/mail:1': {
        paths: ['mail.image.repository'],
        places: ['Pod/mail spec.containers[0].image'],
      },
      'quay.io/shop/web:1': {
        paths: [],
        places: ['Pod/web spec.containers[0].image'],
      },
    },
    overrides: {
      api: {
        image: {
          repository: 'registry.internal:5000/mirror/quay.io/shop/api',
        },
      },
      mail: {
        image: {
          repository: 'registry.internal:5000/mirror/quay.io/shop/mail',
        },
      },
    },
    postRendered: ['quay.io/shop/db:1', 'quay.io/shop/web:1'],
    leftovers: [],
  },
  {
    chart: 'cluster-version',
    shape: 'a tag made of the cluster version, and a pod for old clusters only',
    kubernetes: ['1.34', '1.36'],
    renders: 4,
    found: {
      'quay.io/shop/legacy:1': {
        paths: ['legacy.repository'],
        places: ['Pod/legacy spec.containers[0].image'],
      },
      'registry.k8s.io/kubectl:v1.34.0': {
        paths: ['kubectl.repository'],
        places: ['Pod/kubectl spec.containers[0].image'],
      },
      'registry.k8s.io/kubectl:v1.36.0': {
        paths: ['kubectl.repository'],
        places: ['Pod/kubectl spec.containers[0].image'],
      },
    },
    overrides: {
      kubectl: {
        repository: 'registry.internal:5000/mirror/registry.k8s.io/kubectl',
      },
      legacy: {
        repository: 'registry.internal:5000/mirror/quay.io/shop/legacy',
      },
    },
    leftovers: [],
  },
  {
    chart: 'custom-resources',
    shape: 'references spread over sibling keys, and strings of custom resources',
    renders: 2,
    found: {
      'nvcr.io/nvidia/driver:595.91.07': {
        paths: ['driver.repository'],
        places: ['ClusterPolicy/policy spec.driver'],
      },
      [`nvcr.io/nvidia/k8s/toolkit@${digest}`]: {
        paths: ['toolkit.repository'],
        places: ['ClusterPolicy/policy spec.toolkit'],
      },
      'quay.io/prometheus/prometheus:v3.1.0': {
        paths: ['prometheus.image.registry'],
        places: ['Prometheus/prometheus spec.image'],
      },
    },
    overrides: {
      driver: {
        repository: 'registry.internal:5000/mirror/nvcr.io/nvidia',
      },
      prometheus: {
        image: {
          registry: 'registry.internal:5000/mirror/quay.io',
        },
      },
      toolkit: {
        repository: 'registry.internal:5000/mirror/nvcr.io/nvidia/k8s',
      },
    },
    leftovers: [],
  },
  {
    chart: 'digests',
    shape: 'digests that replace the tag, stand beside it, or are part of one string',
    renders: 2,
    found: {
      [`quay.io/shop/a@${digest}`]: {
        paths: ['replaces.registry'],
        places: ['Pod/a spec.containers[0].image'],
      },
      [`quay.io/shop/b:1@${digest}`]: {
        paths: ['beside.repository'],
        places: ['Pod/b spec.containers[0].image'],
      },
      [`quay.io/shop/c:1@${digest}`]: {
        paths: ['whole'],
        places: ['Pod/c spec.containers[0].image'],
      },
      [`quay.io/shop/d@${digest}`]: {
        paths: ['only.repository'],
        places: ['Pod/d spec.containers[0].image'],
      },
    },
    overrides: {
      beside: {
        repository: 'registry.internal:5000/mirror/quay.io/shop/b',
      },
      only: {
        repository: 'registry.internal:5000/mirror/quay.io/shop/d',
      },
      replaces: {
        registry: 'registry.internal:5000/mirror/quay.io',
      },
      whole: `registry.internal:5000/mirror/quay.io/shop/c:1@${digest}`,
    },
    leftovers: [],
  },
  {
    chart: 'docker-hub-for-all',
    shape: 'one key holds docker.io for official and other images',
    renders: 2,
    found: {
      'docker.io/library/redis:7': {
        paths: ['global.imageRegistry'],
        places: ['Pod/cache spec.containers[0].image'],
      },
      'docker.io/shop/mail:1': {
        paths: ['global.imageRegistry'],
        places: ['Pod/mail spec.containers[0].image'],
      },
      'docker.io/shop/web:1': {
        paths: ['global.imageRegistry'],
        places: ['Pod/web spec.containers[0].image'],
      },
    },
    overrides: {
      cache: {
        image: {
          repository: 'library/redis',
        },
      },
      global: {
        imageRegistry: 'registry.internal:5000/mirror/docker.io',
      },
    },
    leftovers: [],
  },
  {
    chart: 'empty-registry',
    shape: 'an empty registry that acts is used when nothing else does',
    renders: 2,
    found: {
      'docker.io/shop/web:1': {
        paths: ['global.imageRegistry'],
        places: ['Pod/web spec.containers[0].image'],
      },
    },
    overrides: {
      global: {
        imageRegistry: 'registry.internal:5000/mirror/docker.io',
      },
    },
    leftovers: [],
  },
  {
    chart: 'every-pod-place',
    shape: 'lists, glued separators, ephemeral containers, image volumes, Rollouts, injected sidecars',
    renders: 2,
    found: {
      'quay.io/shop/all-data:1': {
        paths: ['image.repository'],
        places: ['Pod/listed spec.volumes[0].image.reference'],
      },
      'quay.io/shop/all-debug:1': {
        paths: ['image.repository'],
        places: ['Pod/listed spec.ephemeralContainers[0].image'],
      },
      'quay.io/shop/all:1': {
        paths: ['image.repository'],
        places: ['Pod/listed spec.containers[0].image', 'Rollout/glued spec.template.spec.initContainers[0].image'],
      },
    },
    overrides: {
      image: {
        repository: 'registry.internal:5000/mirror/quay.io/shop/all',
      },
    },
    leftovers: [],
  },
  {
    chart: 'hard-coded',
    shape: 'images that no value controls, named again in a variable, one in a pod whose name is new in each render',
    renders: 2,
    found: {
      'docker.io/curlimages/curl:latest': {
        paths: [],
        places: ['Pod/probe-* spec.containers[0].image'],
      },
      'docker.io/shop/worker:1.0': {
        paths: [],
        places: ['Pod/worker spec.containers[0].image', 'Job/setup spec.template.spec.containers[0].env[0].value'],
      },
      'ghcr.io/shop/setup:2.5.1': {
        paths: [],
        places: ['Job/setup spec.template.spec.containers[0].image', 'Job/setup spec.template.spec.containers[0].env[0].value'],
      },
      'quay.io/shop/api:1': {
        paths: ['image.repository'],
        places: ['Pod/api spec.containers[0].image'],
      },
    },
    overrides: {
      image: {
        repository: 'registry.internal:5000/mirror/quay.io/shop/api',
      },
    },
    postRendered: ['curlimages/curl', 'ghcr.io/shop/setup:2.5.1', 'shop/worker:1.0'],
    leftovers: [],
    leftoversOfHelm3: ['hard-coded curlimages/curl'],
  },
  {
    chart: 'hooks-and-tests',
    shape: 'hooks of an upgrade, of a rollback, and tests',
    renders: 2,
    found: {
      'docker.io/bats/bats:v1.4.1': {
        paths: ['test.image'],
        places: ['Pod/test spec.containers[0].image'],
      },
      'quay.io/shop/hooks:1': {
        paths: ['hooks.image.repository'],
        places: ['Pod/pre spec.containers[0].image', 'Pod/rollback spec.containers[0].image'],
      },
    },
    overrides: {
      hooks: {
        image: {
          repository: 'registry.internal:5000/mirror/quay.io/shop/hooks',
        },
      },
      test: {
        image: 'registry.internal:5000/mirror/docker.io/bats/bats',
      },
    },
    leftovers: [],
  },
  {
    chart: 'host-in-another-key',
    shape: 'the host belongs to another key, and a suffix to the name',
    renders: 2,
    found: {
      'registry.k8s.io/ingress/certgen:v1.5.0': {
        paths: ['global.image.registry'],
        places: ['Pod/webhook spec.containers[0].image'],
      },
      'registry.k8s.io/ingress/controller-chroot:v1.12.0': {
        paths: ['global.image.registry'],
        places: ['Pod/controller spec.containers[0].image'],
      },
    },
    overrides: {
      global: {
        image: {
          registry: 'registry.internal:5000/mirror/registry.k8s.io',
        },
      },
    },
    leftovers: [],
  },
  {
    chart: 'lists',
    shape: 'images in lists of maps, of strings, and in whole containers',
    renders: 2,
    found: {
      'docker.io/library/two:2': {
        paths: ['images[1]'],
        places: ['Pod/list-1 spec.containers[0].image'],
      },
      'docker.io/shop/search:2': {
        paths: ['plugins[0].image.name'],
        places: ['Pod/search spec.containers[0].image'],
      },
      'quay.io/shop/exporter:0.9': {
        paths: ['extraContainers[0].image'],
        places: ['Pod/extra spec.containers[0].image'],
      },
      'quay.io/shop/helper:0.1': {
        paths: ['extraContainers[0].args[1]'],
        places: ['Pod/extra spec.containers[0].args[1]'],
      },
      'quay.io/shop/mail:3': {
        paths: ['plugins[1].image.name'],
        places: ['Pod/mail spec.containers[0].image'],
      },
      'quay.io/shop/one:1': {
        paths: ['images[0]'],
        places: ['Pod/list-0 spec.containers[0].image'],
      },
    },
    overrides: {
      extraContainers: [
        {
          args: ['--listen=:9100', '--helper-image=registry.internal:5000/mirror/quay.io/shop/helper:0.1'],
          image: 'registry.internal:5000/mirror/quay.io/shop/exporter:0.9',
          name: 'exporter',
        },
      ],
      images: ['registry.internal:5000/mirror/quay.io/shop/one:1', 'registry.internal:5000/mirror/docker.io/library/two:2'],
      plugins: [
        {
          image: {
            name: 'registry.internal:5000/mirror/docker.io/shop/search',
            tag: '2',
          },
          name: 'search',
        },
        {
          enabled: true,
          image: {
            name: 'registry.internal:5000/mirror/quay.io/shop/mail',
            tag: '3',
          },
          name: 'mail',
          port: 25,
        },
      ],
    },
    leftovers: [],
  },
  {
    chart: 'named-by-the-spec',
    shape: 'a tag under an unusual key',
    renders: 2,
    found: {
      'quay.io/shop/runtime:3': {
        paths: ['runtime.flavour'],
        places: ['Pod/runtime spec.containers[0].image'],
      },
    },
    overrides: {
      runtime: {
        flavour: 'registry.internal:5000/mirror/quay.io/shop/runtime',
      },
    },
    leftovers: [],
  },
  {
    chart: 'one-registry-for-all',
    shape: 'one key with host and path makes many images, and a "/" in a name switches the branch',
    renders: 3,
    found: {
      'ghcr.io/mesh/operator:1.15.0': {
        paths: ['global.registry'],
        places: ['Pod/operator spec.containers[0].image'],
      },
      'ghcr.io/mesh/sentry:1.15.0': {
        paths: ['global.registry'],
        places: ['Pod/sentry spec.containers[0].image'],
      },
    },
    overrides: {
      global: {
        registry: 'registry.internal:5000/mirror/ghcr.io/mesh',
      },
    },
    leftovers: [],
  },
  {
    chart: 'payloads',
    shape: 'values dumped into a Secret, JSON and YAML in a ConfigMap; prose is none',
    renders: 2,
    found: {
      'docker.io/mesh/proxy:1.2.3': {
        paths: ['injector.image.repository'],
        places: [
          'Secret/hub data.values\\.yaml#injector.image',
          'ConfigMap/injector data.template\\.yaml#spec.containers[0].image',
        ],
      },
      'ghcr.io/hub/builder:2': {
        paths: ['builder.image'],
        places: ['Secret/hub data.values\\.yaml#builder.image', 'ConfigMap/injector data.config\\.json#builderImage'],
      },
      'quay.io/hub/singleuser:4': {
        paths: ['singleuser.image.name'],
        places: ['Secret/hub data.values\\.yaml#singleuser.image'],
      },
    },
    overrides: {
      builder: {
        image: 'registry.internal:5000/mirror/ghcr.io/hub/builder:2',
      },
      injector: {
        image: {
          repository: 'registry.internal:5000/mirror/docker.io/mesh/proxy',
        },
      },
      singleuser: {
        image: {
          name: 'registry.internal:5000/mirror/quay.io/hub/singleuser',
        },
      },
    },
    leftovers: [],
  },
  {
    chart: 'refuses-other-registries',
    shape: 'a chart that refuses other registries until it is told',
    renders: 3,
    found: {
      'docker.io/vendor/db:1': {
        paths: ['image.registry'],
        places: ['Pod/db spec.containers[0].image'],
      },
    },
    overrides: {
      global: {
        security: {
          allowInsecureImages: true,
        },
      },
      image: {
        registry: 'registry.internal:5000/mirror/docker.io',
      },
    },
    leftovers: [],
  },
  {
    chart: 'registry-and-repository',
    shape: 'registry and repository in two keys, with a numeric tag and a slash too many',
    renders: 2,
    found: {
      'docker.io/library/redis:7': {
        paths: ['redis.registry'],
        places: ['Pod/redis spec.containers[0].image'],
      },
      'quay.io/shop/api:1.4.2': {
        paths: ['api.registry'],
        places: ['Pod/api spec.containers[0].image'],
      },
    },
    overrides: {
      api: {
        registry: 'registry.internal:5000/mirror/quay.io/',
      },
      redis: {
        registry: 'registry.internal:5000/mirror/docker.io/library',
      },
    },
    leftovers: [],
  },
  {
    chart: 'repository-and-tag',
    shape: 'repository with and without host, tag from appVersion, and a decoy',
    renders: 2,
    found: {
      'docker.io/shop/api:1.4': {
        paths: ['image.repository'],
        places: [
          'Deployment/api spec.template.spec.initContainers[0].image',
          'Deployment/api spec.template.spec.containers[0].image',
        ],
      },
      'quay.io/shop/proxy:v2.5.1': {
        paths: ['sidecar.repository'],
        places: ['Deployment/api spec.template.spec.containers[1].image'],
      },
    },
    overrides: {
      image: {
        repository: 'registry.internal:5000/mirror/docker.io/shop/api',
      },
      sidecar: {
        repository: 'registry.internal:5000/mirror/quay.io/shop/proxy',
      },
    },
    leftovers: [],
  },
  {
    chart: 'strict-schema',
    shape: 'a schema that takes the rewrite but no sentinel',
    renders: 2,
    found: {
      'quay.io/shop/api:1': {
        paths: ['image.repository'],
        places: ['Pod/api spec.containers[0].image'],
      },
    },
    overrides: {
      image: {
        repository: 'registry.internal:5000/mirror/quay.io/shop/api',
      },
    },
    leftovers: [],
  },
  {
    chart: 'subcharts',
    shape: 'aliases, packed subcharts, tags, globals',
    renders: 2,
    found: {
      'docker.io/library/redis:7': {
        paths: ['queue.image.repository'],
        places: ['Pod/queue spec.containers[0].image'],
      },
      'docker.io/library/redis:7.4': {
        paths: ['cache.image.repository'],
        places: ['Pod/cache spec.containers[0].image'],
      },
      'quay.io/packed/app:1.0': {
        paths: ['packed.image'],
        places: ['Pod/packed spec.containers[0].image'],
      },
      'quay.io/parent/parent:1': {
        paths: ['global.hub'],
        places: ['Pod/parent spec.containers[0].image'],
      },
    },
    overrides: {
      cache: {
        image: {
          repository: 'registry.internal:5000/mirror/docker.io/library/redis',
        },
      },
      global: {
        hub: 'registry.internal:5000/mirror/quay.io/parent',
      },
      packed: {
        image: 'registry.internal:5000/mirror/quay.io/packed/app:1.0',
      },
      queue: {
        image: {
          repository: 'registry.internal:5000/mirror/docker.io/library/redis',
        },
      },
    },
    leftovers: [],
  },
  {
    chart: 'unset-registry',
    shape: 'a registry that is null, and one that stands in a template alone',
    renders: 3,
    found: {
      'docker.io/library/proxy:2.5.1': {
        paths: ['image.registry'],
        places: ['Pod/proxy spec.containers[0].image'],
      },
      'quay.io/hub/agent:1': {
        paths: ['agent.repository'],
        places: ['Pod/agent spec.containers[0].image'],
      },
    },
    overrides: {
      agent: {
        repository: 'registry.internal:5000/mirror/quay.io/hub/agent',
      },
      image: {
        registry: 'registry.internal:5000/mirror/docker.io/library',
      },
    },
    leftovers: [],
  },
  {
    chart: 'whole-reference',
    shape: 'one string holds the reference, with a port in the host',
    renders: 2,
    found: {
      'docker.io/library/redis:7.2': {
        paths: ['image'],
        places: ['Pod/redis spec.containers[0].image'],
      },
      'ghcr.io/shop/agent:latest': {
        paths: ['agentImage'],
        places: ['Pod/agent spec.containers[0].image'],
      },
      'registry.example.com:5000/tools/backup:2024-01-31': {
        paths: ['backup.image'],
        places: ['CronJob/backup spec.jobTemplate.spec.template.spec.containers[0].image'],
      },
    },
    overrides: {
      agentImage: 'registry.internal:5000/mirror/ghcr.io/shop/agent',
      backup: {
        image: 'registry.internal:5000/mirror/registry.example.com_5000/tools/backup:2024-01-31',
      },
      image: 'registry.internal:5000/mirror/docker.io/library/redis:7.2',
    },
    leftovers: [],
  },
];
