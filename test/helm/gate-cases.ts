/** What `openGates` has to show for one chart in `test/charts/`, with no values of the user's. */
export interface GateCase {
  readonly chart: string;
  readonly shape: string;
  /** By reference: the gates that show it, and the values paths that control it. */
  readonly gated: Readonly<Record<string, { readonly gates: readonly string[]; readonly paths: readonly string[] }>>;
  /** By reference, its values paths. Default none. */
  readonly declared?: Readonly<Record<string, readonly string[]>>;
  /** Code of each finding and what its message has to say. Default none. */
  readonly findings?: readonly (readonly [string, RegExp])[];
}

export const gateCases: readonly GateCase[] = [
  {
    chart: 'gates-annotations',
    shape: 'images that only metadata names, of subcharts and in Images.lock too; what renders is not repeated',
    gated: {},
    findings: [
      ['IMAGE_DECLARED_BY_CHART', /quay\.io\/shop\/runner:3/],
      ['IMAGE_DECLARED_BY_CHART', /quay\.io\/shop\/plugin:2/],
      ['IMAGE_DECLARED_BY_CHART', /quay\.io\/shop\/tools:4/],
      ['IMAGE_DECLARED_BY_CHART', /quay\.io\/shop\/db:5/],
    ],
  },
  {
    chart: 'gates-api-version',
    shape: 'an API that the cluster has to serve',
    gated: { 'quay.io/shop/agent:1': { gates: ['--api-versions=shop.example.com/v1'], paths: ['agent'] } },
  },
  {
    chart: 'gates-boolean',
    shape: 'switches, for an image of the values and for one of the template',
    gated: {
      'docker.io/shop/backup:3': { gates: ['backup.enabled=true'], paths: [] },
      'quay.io/shop/metrics:2': { gates: ['metrics.enabled=true'], paths: ['metrics.image.repository'] },
    },
  },
  {
    chart: 'gates-list-item',
    shape: 'a switch in an item of a list, which helm replaces whole',
    gated: {
      'quay.io/shop/import:1': {
        gates: ['jobs[0].enabled=true,jobs[0].name=import,jobs[1].enabled=true,jobs[1].name=export'],
        paths: [],
      },
    },
  },
  {
    chart: 'gates-closed',
    shape: 'images that no setting opens are named with their line, those of files that a switch opens are gated',
    gated: { 'quay.io/shop/extra:1.2': { gates: ['extras.enabled=true'], paths: [] } },
    findings: [
      ['IMAGE_BEHIND_CLOSED_GATE', /^quay\.io\/shop\/migrate:2\.0 stands at gates-closed\/templates\/pod\.yaml:11 /],
      ['IMAGE_BEHIND_CLOSED_GATE', /^docker\.io\/shop\/copy:3 stands at gates-closed\/templates\/pod\.yaml:15 /],
    ],
  },
  {
    chart: 'gates-cluster-version',
    shape: 'an image for older clusters',
    gated: { 'quay.io/shop/old:1': { gates: ['--kube-version=1.29'], paths: ['old'] } },
  },
  {
    chart: 'gates-compiled-in',
    shape: 'empty slots for images that a program has of its own; no slot for an override, a container or the user',
    gated: {},
    findings: [
      ['IMAGE_COMPILED_IN', /agentImage\.repository .* --agent-image= of Pod operator/],
      ['IMAGE_COMPILED_IN', /proxy\.image .* --proxy-image of Pod operator/],
      ['IMAGE_COMPILED_IN', /workerImage\.repository .* WORKER_IMAGE of Pod operator/],
    ],
  },
  {
    chart: 'gates-decoys',
    shape: 'images that nothing renders, with and without a switch, and a list that the user fills',
    gated: {},
    declared: { 'ghcr.io/shop/example:3': ['example'], 'quay.io/shop/unused:2': ['unused.image'] },
  },
  {
    chart: 'gates-dump',
    shape: 'a dump of all values: used where its path is named, gated where a switch shows it, else declared',
    gated: { 'quay.io/shop/proxy:3': { gates: ['proxy.enabled=true'], paths: ['proxy.image.name'] } },
    declared: { 'quay.io/shop/unused:4': ['unused.image.name'] },
  },
  {
    chart: 'gates-empty-list',
    shape: 'a list that a template ranges over',
    gated: { 'quay.io/shop/worker:1': { gates: ['queues[0]=placeholder'], paths: ['workerImage'] } },
  },
  {
    chart: 'gates-empty-map',
    shape: 'a map that must not be empty',
    gated: { 'quay.io/shop/probe:1': { gates: ['probes.placeholder=placeholder'], paths: ['probeImage'] } },
  },
  {
    chart: 'gates-exclusive',
    shape: 'switches that fail together',
    gated: {
      'quay.io/shop/blue:1': { gates: ['blue.enabled=true'], paths: ['blue.image'] },
      'quay.io/shop/green:1': { gates: ['green.enabled=true'], paths: ['green.image'] },
    },
  },
  {
    chart: 'gates-failing',
    shape: 'switches that need more: what the message names is set, what it does not name is a finding',
    gated: {
      'quay.io/shop/ingress:1': {
        gates: ['ingress.enabled=true,ingress.host=placeholder'],
        paths: ['ingress.image'],
      },
      'quay.io/shop/vault:1': {
        gates: ['vault.enabled=true,vault.server.address=https://placeholder.invalid'],
        paths: ['vault.image'],
      },
    },
    declared: { 'quay.io/shop/license:1': ['license.image'] },
    findings: [
      ['GATE_FAILED', /license\.enabled=true.*templates\/pods\.yaml:\d+:\d+: this feature is not part of the free edition/],
    ],
  },
  {
    chart: 'gates-hiding',
    shape: 'a switch that hides the image of another',
    gated: {
      'quay.io/shop/cluster:1': { gates: ['cluster.enabled=true'], paths: ['cluster.image'] },
      'quay.io/shop/exporter:1': { gates: ['single.exporter.enabled=true'], paths: ['single.exporter.image'] },
    },
  },
  {
    chart: 'gates-invented',
    shape: 'images that only a made-up value names are none of the chart’s',
    gated: {
      'quay.io/shop/unpack:2': {
        gates: ['plugins[0].name=placeholder,plugins[0].image=placeholder.invalid/placeholder:1'],
        paths: [],
      },
    },
  },
  {
    chart: 'gates-mode',
    shape: 'a word that chooses',
    gated: { 'quay.io/shop/proxy:2': { gates: ['mode=cluster'], paths: ['proxyImage'] } },
  },
  {
    chart: 'gates-nested',
    shape: 'a switch behind a switch',
    gated: {
      'quay.io/shop/cache:1': { gates: ['cache.enabled=true'], paths: ['cache.image'] },
      'quay.io/shop/exporter:2': {
        gates: ['cache.enabled=true,cache.exporter.enabled=true'],
        paths: ['cache.exporter.image'],
      },
    },
  },
  { chart: 'gates-other-pins', shape: 'other tags, digests and hosts of an image are no images of their own', gated: {} },
  {
    chart: 'gates-other-words',
    shape: 'words for a host or a tag open nothing, a switch that changes the tag does',
    gated: {
      'docker.io/shop/agent:7-fips': { gates: ['agent.fips=true'], paths: ['registry'] },
      'docker.io/shop/runner:1': { gates: ['runner.enabled=true'], paths: ['runner.image'] },
    },
  },
  {
    chart: 'gates-pair',
    shape: 'one condition on two keys',
    gated: { 'quay.io/shop/export:1': { gates: ['export.on=true,backend=disk'], paths: ['export.image'] } },
  },
  {
    chart: 'gates-random',
    shape: 'names and passwords that are new in each render open nothing',
    gated: { 'quay.io/shop/worker:2': { gates: ['worker.enabled=true'], paths: ['worker.image'] } },
  },
  {
    chart: 'gates-rivals',
    shape: 'one of several at a time, a number that is too small, a field of what is a map',
    gated: {
      'quay.io/shop/login:1.0.0': { gates: ['configs.placeholder.exec.server=placeholder'], paths: [] },
      'quay.io/shop/spare:1': { gates: ['spare.enabled=true,size=16'], paths: ['spare.image'] },
      'quay.io/shop/tpm:1': { gates: ['attestor.tpm.enabled=true,attestor.token.enabled=false'], paths: ['attestor.tpm.image'] },
    },
  },
  {
    chart: 'gates-subcharts',
    shape: 'subcharts behind a condition, under an alias, and behind a tag',
    gated: {
      'quay.io/shop/db:1': { gates: ['store.enabled=true'], paths: ['store.image.registry'] },
      'quay.io/shop/mail:1': { gates: ['tags.post=true'], paths: ['mail.image'] },
    },
  },
];
