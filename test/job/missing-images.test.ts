import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseYaml11 } from '../../bundle-spec/located-yaml.ts';
import { missingImages } from '../../job/missing-images.ts';

const release = { name: 'web', namespace: { name: 'shop', create: true }, scan: {} };
const place = { release: 'web', kind: 'Deployment', name: 'web', path: 'spec.template.spec.containers[1].image' };
const found = (reference: string) => ({
  reference,
  class: 'used' as const,
  gates: [],
  valuesPaths: ['exporter.image'],
  places: [place],
});
const exporter = 'docker.io/exporter:1';
const nothing = { release, images: [], gated: [], values: {}, kubernetes: '1.36.3', siteLayers: [] };

test('images that travelled are no problem', () => {
  assert.equal(missingImages([found(exporter)], { ...nothing, images: [{ reference: exporter, class: 'used' }] }), undefined);
});

test('a tag that images.extra completes is no image by itself', () => {
  const carried = (tag: string, by: 'extra' | 'used') => [{ reference: `docker.io/exporter:${tag}`, class: by }];
  assert.equal(missingImages([found(exporter)], { ...nothing, images: carried('1-ubuntu24.04', 'extra') }), undefined);
  assert.notEqual(missingImages([found(exporter)], { ...nothing, images: carried('1-ubuntu24.04', 'used') }), undefined);
  assert.notEqual(missingImages([found(exporter)], { ...nothing, images: carried('12', 'extra') }), undefined);
});

test('an image that did not travel is named with its object, its value and what the site sets', () => {
  const siteLayers = [
    { inline: { exporter: { enabled: true, password: 'secret-word' }, list: [1] } },
    { secret: { name: 'x', key: 'y', optional: false } },
  ];
  const scanned = { ...release, scan: { metrics: [], site: [] } };
  const error = missingImages([found(exporter)], { ...nothing, release: scanned, siteLayers });
  assert.equal(error?.code, 'IMAGE_NOT_IN_BUNDLE');
  assert.match(error?.message ?? '', /docker\.io\/exporter:1/);
  const why = error?.findings.why.join('\n') ?? '';
  assert.match(why, /Deployment web, spec\.template\.spec\.containers\[1\]\.image, from the value exporter\.image/);
  assert.match(why, /the site sets: exporter\.enabled, exporter\.password, list\n1 more of the site's layers/);
  assert.doesNotMatch(JSON.stringify(error?.findings), /secret-word/);
  const fix = error?.findings.fix.join('\n') ?? '';
  assert.match(fix, /scan: \{ site-2: \[\{ inline: … \}\] \}" \(profiles that travelled: metrics, site\)/);
  assert.match(fix, /images\.extra in bundle\.yaml: "docker\.io\/exporter:1"/);
});

const gate = (...gates: string[]) => ({ release: 'web', reference: exporter, gates });

/** What the build saw behind a switch becomes the lines that bring it. */
const profiles: readonly {
  readonly name: string;
  readonly gates: readonly string[];
  readonly values?: object;
  readonly scan?: Readonly<Record<string, never[]>>;
  readonly fix: string | RegExp;
}[] = [
  {
    name: 'a switch',
    gates: ['metrics.enabled=true'],
    fix: 'add to release web in bundle.yaml: scan: { metrics: [{ inline: { metrics: { enabled: true } } }] }; then build again',
  },
  {
    name: 'the switch that the values here have on, not the first',
    gates: ['all=true', 'exporter.enabled=true,mode=ha'],
    values: { exporter: { enabled: true }, mode: 'ha' },
    fix: 'add to release web in bundle.yaml: scan: { exporter: [{ inline: { exporter: { enabled: true }, mode: "ha" } }] }; then build again',
  },
  {
    name: 'a release that has profiles, one of that name',
    gates: ['metrics.enabled=true'],
    scan: { metrics: [] },
    fix: 'add to scan of release web in bundle.yaml: metrics-2: [{ inline: { metrics: { enabled: true } } }]; then build again',
  },
  {
    name: 'a key with dots, one that YAML takes for a truth, a list',
    gates: ['serviceMonitor.on.a\\.b/c=[{"name":"x"}]'],
    fix: 'add to release web in bundle.yaml: scan: { a-b-c: [{ inline: { serviceMonitor: { "on": { "a.b/c": [{ name: "x" }] } } } }] }; then build again',
  },
  {
    name: 'an API of the cluster',
    gates: ['--api-versions=monitoring.coreos.com/v1 --kube-version=1.30'],
    fix: /^add to target in bundle\.yaml: apiVersions: \["monitoring\.coreos\.com\/v1"\]; then build again\nadd to target\.kubernetes in bundle\.yaml: \["1\.30"\]; then build again\nor/,
  },
  {
    name: 'an item of a list, whose others are not known',
    gates: ['sidecars[1].enabled=true'],
    fix: /^for docker\.io\/exporter:1: add .* with the site's values/,
  },
  { name: 'no gate at all', gates: [], fix: /^for docker\.io\/exporter:1: add .* with the site's values/ },
];
for (const { name, gates, values = {}, scan = {}, fix } of profiles) {
  test(`the line to add for ${name}`, () => {
    const options = { ...nothing, release: { ...release, scan }, gated: [gate(...gates)], values: { ...values } };
    const lines = missingImages([found(exporter)], options)?.findings.fix ?? [];
    if (typeof fix === 'string') assert.equal(lines[0], fix);
    else assert.match(lines.join('\n'), fix);
    const yaml = /bundle\.yaml: (.*); then build again$/.exec(lines[0] ?? '')?.[1];
    if (typeof fix === 'string') parseYaml11(yaml ?? ': :', 'the line');
  });
}

test('a tag made of the version of the cluster asks for that version in the spec', () => {
  const kubectl = (tag: string) => `registry.k8s.io/kubectl:${tag}`;
  const images = [{ reference: kubectl('v1.36.0'), class: 'used' as const }];
  const other = { reference: 'registry.k8s.io/pause:3.10', class: 'used' as const };
  const [line] = missingImages([found(kubectl('v1.36.3'))], { ...nothing, images })?.findings.fix ?? [];
  assert.equal(line, 'add to target.kubernetes in bundle.yaml: ["1.36.3"]; then build again');
  const others = missingImages([found(kubectl('v1.36.3'))], { ...nothing, images: [other] })?.findings.fix ?? [];
  assert.match(others[0] ?? '', /with the site's values/);
});

test('one profile for all images behind one switch, and one for each other', () => {
  const other = 'docker.io/other:1';
  const gated = [
    gate('metrics.enabled=true'),
    { ...gate('metrics.enabled=true'), reference: other },
    { ...gate('backup.metrics.enabled=true'), reference: 'docker.io/backup:1' },
    { ...gate('never.enabled=true'), release: 'db' },
  ];
  const error = missingImages([found(exporter), found(other), found('docker.io/backup:1')], { ...nothing, gated });
  assert.match(error?.message ?? '', /and 2 more is needed/);
  assert.equal(
    error?.findings.fix[0],
    'add to release web in bundle.yaml: scan: { metrics: [{ inline: { metrics: { enabled: true } } }], metrics-2: [{ inline: { backup: { metrics: { enabled: true } } } }] }; then build again',
  );
});
