import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseBundle, problemsOf } from './problems-of.ts';

const bundle = `apiVersion: diolkos.dev/v1
kind: Bundle
metadata:
  name: shop
  version: 1.4.0
target:
  kubernetes: ["1.36"]
releases:
  - name: shop
    namespace: shop
    chart:
      path: ./chart
    values:
      - file: values.yaml
  - name: api
    namespace: { name: api, create: false }
    chart: { repo: "https://charts.example.com", name: api, version: "1.30" }
    dependsOn: [shop]
`;

const charts = '{ path }, { repo, name, version } or { oci, version }';
const name63 = 'expected lower-case letters, digits and "-", at most 63 of them, such as "shop-api"';

/** What is put in place of a part of `bundle`, and the lines that tell what is wrong. */
const badBundles: readonly [name: string, from: string, to: string, ...lines: string[]][] = [
  [
    'a misspelled field',
    '    namespace: shop',
    '    namspace: shop',
    '10:5 releases[0].namspace: unknown field "namspace"; did you mean "namespace"?',
  ],
  [
    'an unknown field at the top',
    'releases:\n',
    'owner: me\nreleases:\n',
    '8:1 owner: unknown field "owner"; accepted: apiVersion, kind, metadata, target, installer, sources, releases, images, sign',
  ],
  [
    'a number for a version',
    'version: 1.4.0',
    'version: 1.30',
    '5:12 metadata.version: expected text; found the number 1.30 (which YAML reads as 1.3); write it in quotes: "1.30"',
  ],
  [
    'a number for a minor',
    '["1.36"]',
    '[1.36]',
    '7:16 target.kubernetes[0]: expected text; found the number 1.36; write it in quotes: "1.36"',
  ],
  [
    'an octal number for a name',
    'name: api, create',
    'name: 0644, create',
    '16:24 releases[1].namespace.name: expected text; found the number 0644 (which YAML reads as 420); write it in quotes: "0644"',
  ],
  [
    'a word of YAML 1.1 for a name',
    'name: api, version',
    'name: on, version',
    '17:56 releases[1].chart.name: expected text; found on (which YAML reads as true); write it in quotes: "on"',
  ],
  [
    'a text for a boolean',
    'create: false',
    'create: "no"',
    '16:37 releases[1].namespace.create: expected true or false; found "no"',
  ],
  [
    'a helm that the installer does not carry',
    'kubernetes: ["1.36"]',
    'kubernetes: ["1.36"]\n  helm: 3',
    '8:9 target.helm: expected 4; found the number 3',
  ],
  ['an upper-case name', 'name: shop\n  version', 'name: Shop\n  version', `4:9 metadata.name: ${name63}; found "Shop"`],
  [
    'a release name past the limit of Helm',
    'name: api\n',
    `name: ${'a'.repeat(54)}\n`,
    `15:11 releases[1].name: expected at most 53 characters, which is the limit of Helm; found "${'a'.repeat(54)}"`,
  ],
  ['a missing field', '  version: 1.4.0\n', '', '3:1 metadata.version: missing; expected text'],
  ['a release without a chart', '    chart:\n      path: ./chart\n', '', `9:5 releases[0].chart: missing; expected ${charts}`],
  ['an empty field', '      path: ./chart', '', `11:5 releases[0].chart: expected ${charts}; found nothing`],
  ['an empty text', './chart', '""', '12:13 releases[0].chart.path: expected some text; found ""'],
  ['an empty list', '["1.36"]', '[]', '7:15 target.kubernetes: expected at least 1 entry; found an empty list'],
  [
    'no releases',
    bundle.slice(bundle.indexOf('releases:')),
    'releases: {}\n',
    '8:11 releases: expected a list; found an empty mapping',
  ],
  [
    'a text in place of a mapping',
    '\n      path: ./chart',
    ' ./chart',
    `11:12 releases[0].chart: expected ${charts}; found "./chart"`,
  ],
  [
    'a chart that lacks its version',
    ', version: "1.30" }',
    ' }',
    '17:12 releases[1].chart: lacks "version" of { repo, name, version }; also accepted: { path } or { oci, version }',
  ],
  [
    'a chart that lacks two fields',
    'chart: { repo: "https://charts.example.com", name: api, version: "1.30" }',
    'chart:\n      repo: https://charts.example.com',
    '17:5 releases[1].chart: lacks "name" and "version" of { repo, name, version }; also accepted: { path } or { oci, version }',
  ],
  [
    'a chart with a misspelled field',
    'name: api, version:',
    'name: api, verison:',
    '17:61 releases[1].chart.verison: unknown field "verison"; did you mean "version"?',
  ],
  [
    'a chart from two places',
    'path: ./chart',
    'path: ./chart\n      oci: oci://x/y',
    `11:5 releases[0].chart: expected ${charts}; found { path, oci }`,
  ],
  ['a chart from nowhere', 'path: ./chart', 'folder: x', `11:5 releases[0].chart: expected ${charts}; found { folder }`],
  [
    'a chart repository that is no URL',
    '"https://charts.example.com"',
    'charts.example.com',
    '17:20 releases[1].chart.repo: expected an http or https URL; found "charts.example.com"',
  ],
  [
    'a user and password in a URL',
    'https://charts',
    'https://bob:hunter2@charts',
    '17:20 releases[1].chart.repo: expected a URL without user and password; sources.charts[].credentials is their place; found "https://…@charts.example.com"',
  ],
  [
    'a values layer of no kind',
    '- file: values.yaml',
    '- values.yaml',
    '14:9 releases[0].values[0]: expected { file }, { inline }, { configMap } or { secret }; found "values.yaml"',
  ],
  [
    'a list that is none',
    '\n      - file: values.yaml',
    ' values.yaml',
    '13:13 releases[0].values: expected a list; found "values.yaml"',
  ],
  [
    'inline values that are none',
    'file: values.yaml',
    'inline: [1]',
    '14:17 releases[0].values[0].inline: expected a mapping; found a list of 1',
  ],
  [
    'a scan profile with a bad name',
    '    dependsOn: [shop]',
    '    scan:\n      Nightly: [{ file: x.yaml }]',
    `19:7 releases[1].scan.Nightly: ${name63}; found "Nightly"`,
  ],
  [
    'a secret in a scan profile',
    '    dependsOn: [shop]',
    '    scan:\n      nightly:\n        - secret: { name: x }',
    '20:11 releases[1].scan.nightly[0]: expected { file } or { inline }; found { secret }',
  ],
  [
    'a platform that is none',
    '["1.36"]',
    '["1.36"]\n  platforms: [amd64]',
    '8:15 target.platforms[0]: expected os/architecture, such as "linux/amd64"; found "amd64"',
  ],
  [
    'credentials in the document',
    'releases:\n',
    'sources:\n  images:\n    - host: r.example.com\n      credentials: { username: bob, password: hunter2 }\nreleases:\n',
    '11:20 sources.images[0].credentials: expected { env } or { dockerConfig }; found { username, password }',
  ],
  [
    'a credential of a wrong type',
    'releases:\n',
    'sources:\n  images:\n    - host: r.example.com\n      credentials: { env: { username: U, password: 1234 } }\nreleases:\n',
    '11:52 sources.images[0].credentials.env.password: expected text; found a number that is not shown; write it in quotes',
  ],
  [
    'a credential without a space after its colon',
    'releases:\n',
    'sources:\n  images:\n    - { host: r.example.com, credentials: {password:hunter2}, pwd:hunter2 }\nreleases:\n',
    '10:43 sources.images[0].credentials: expected { env } or { dockerConfig }; found { "password:…" }',
    '10:63 sources.images[0]["pwd:…"]: unknown field "pwd:…"; accepted: host, mirror, credentials, ca, clientCertificate, plainHttp',
  ],
  [
    'a key given twice',
    '    dependsOn',
    '    name: api\n    dependsOn',
    '18:5 the field "name" is given twice; the first is at 15:5',
  ],
  [
    'a release name given twice',
    'name: api\n',
    'name: shop\n',
    '15:11 releases[1].name: "shop" is already the name of releases[0]; releases are told apart by name, so that dependsOn, images.paths and a site can refer to them',
  ],
  [
    'a dependency that is no release',
    '[shop]',
    '[shopp]',
    '18:17 releases[1].dependsOn[0]: there is no release "shopp"; did you mean "shop"?',
  ],
  [
    'a cycle of dependencies',
    '    namespace: shop\n',
    '    namespace: shop\n    dependsOn:\n      - api\n',
    '11:5 releases[0].dependsOn: the releases wait for each other: shop -> api -> shop',
  ],
  [
    'a release that waits for itself',
    '[shop]',
    '[api]',
    '18:16 releases[1].dependsOn: the releases wait for each other: api -> api',
  ],
  [
    'an image path of no release',
    'releases:\n',
    'images:\n  paths:\n    - { release: web, path: image }\nreleases:\n',
    '10:18 images.paths[0].release: there is no release "web"; there are shop, api',
  ],
  [
    'a host described twice',
    'releases:\n',
    'sources: { images: [{ host: quay.io }, { host: quay.io }] }\nreleases:\n',
    '8:48 sources.images[1].host: "quay.io" is already the name of sources.images[0]; a host is described once',
  ],
  [
    'a value with a colon',
    'name: shop\n  version',
    'name: a: b\n  version',
    '4:10 cannot be read: bad indentation of a mapping entry; a value with ": " in it needs quotes, and fields of one mapping begin in one column',
  ],
  [
    'a tab',
    '    namespace: shop',
    '\tnamespace: shop',
    '10:1 cannot be read: tab characters must not be used in indentation; use spaces',
  ],
  [
    'a bracket that is not closed',
    '["1.36"]',
    '["1.36"',
    '8:1 cannot be read: deficient indentation; a bracket or quote is not closed, or a line in it is not indented more than its key',
  ],
  [
    'an unknown alias',
    'name: shop\n  version',
    'name: *shop\n  version',
    '4:9 cannot be read: unknown anchor; a text that begins with "*" needs quotes',
  ],
  ['two documents', 'releases:\n', '---\nreleases:\n', '8:1 cannot be read: one document is accepted, found several'],
  [
    'another kind',
    'kind: Bundle',
    'kind: Site',
    '2:7 kind: this is a Site, but a Bundle is needed here (the spec, usually bundle.yaml)',
  ],
  [
    'another version',
    'diolkos.dev/v1',
    'diolkos.dev/v2',
    '1:13 apiVersion: found "diolkos.dev/v2", but this version of diolkos reads "diolkos.dev/v1"',
  ],
  [
    'nothing in it',
    bundle,
    '# nothing\n',
    '1:1 this is no Bundle: it is empty; it has to begin with "apiVersion: diolkos.dev/v1" and "kind: Bundle"',
  ],
  [
    'another sort of file',
    bundle,
    'image: redis\n',
    '1:1 this is no Bundle: found { image }; it has to begin with "apiVersion: diolkos.dev/v1" and "kind: Bundle"',
  ],
];

for (const [name, from, to, ...lines] of badBundles) {
  test(`a bundle with ${name} is refused at its line`, () => {
    assert.ok(bundle.includes(from), 'the case replaces nothing');
    const message = problemsOf(() => parseBundle(bundle.replace(from, () => to)), 'SPEC_INVALID');
    const count = lines.length === 1 ? '' : `bundle.yaml has ${lines.length} problems\n`;
    assert.equal(message, count + lines.map((line) => `bundle.yaml:${line}`).join('\n'));
  });
}
