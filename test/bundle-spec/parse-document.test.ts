import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BundleJson } from '../../bundle-spec/bundle-json.ts';
import { Lock } from '../../bundle-spec/lock.ts';
import { parseDocument } from '../../bundle-spec/parse-document.ts';
import { Site } from '../../bundle-spec/site.ts';
import { parseBundle, problemsOf } from './problems-of.ts';

const site = `apiVersion: diolkos.dev/v1
kind: Site
registry:
  host: registry.internal:5000
values:
  shop:
    - inline: { replicas: 2 }
`;

const otherDocuments = [
  {
    name: 'a site without a registry',
    parse: () => parseDocument(Site, 'apiVersion: diolkos.dev/v1\nkind: Site\n', { file: 'site.yaml', code: 'SITE_INVALID' }),
    code: 'SITE_INVALID',
    message:
      'site.yaml:1:1 registry: missing; expected { host, prefix?, ca?, clientCertificate?, plainHttp?, credentials?, pullSecret? }',
  },
  {
    name: 'a site with a URL for a host',
    parse: () =>
      parseDocument(Site, site.replace('registry.internal:5000', 'https://r'), { file: 'site.yaml', code: 'SITE_INVALID' }),
    code: 'SITE_INVALID',
    message: 'site.yaml:4:9 registry.host: expected host or host:port, such as "registry.internal:5000"; found "https://r"',
  },
  {
    name: 'a spec given as a lock',
    parse: () =>
      parseDocument(Lock, 'apiVersion: diolkos.dev/v1\nkind: Bundle\n', { file: 'bundle.lock.yaml', code: 'LOCK_INVALID' }),
    code: 'LOCK_INVALID',
    message: 'bundle.lock.yaml:2:7 kind: this is a Bundle, but a Lock is needed here (usually bundle.lock.yaml)',
  },
  {
    name: 'a bundle.json cut short',
    parse: () =>
      parseDocument(BundleJson, '{"apiVersion": "diolkos.dev/v1", "ki', { file: 'bundle.json', code: 'BUNDLE_INVALID' }),
    code: 'BUNDLE_INVALID',
    message: 'bundle.json:1:1 cannot be read: this is not JSON',
  },
  {
    name: 'a bundle.json with a damaged digest',
    parse: () =>
      parseDocument(BundleJson.pick({ blobs: true }), '{\n  "blobs": [["sha256:12", 5], 7]\n}', {
        file: 'bundle.json',
        code: 'BUNDLE_INVALID',
      }),
    code: 'BUNDLE_INVALID',
    message: `bundle.json has 2 problems
bundle.json:2:14 blobs[0][0]: expected "sha256:" and 64 hex digits; found "sha256:12"
bundle.json:2:31 blobs[1]: expected a list; found the number 7`,
  },
] as const;
for (const { name, parse, code, message } of otherDocuments) {
  test(`${name} is refused at its line`, () => assert.equal(problemsOf(parse, code), message));
}

test('all problems of a document are told at once, in the order of the file', () => {
  const text = `apiVersion: diolkos.dev/v1
kind: Bundle
metadata: { name: shop }
target: { kubernetes: [1.30], platform: [linux/amd64] }
releases:
  - name: shop
    namespace: &ns { nam: shop }
    chart: { path: "" }
    dependsOn: [api]
    dependsOn: [web]
  - name: web
    namespace: *ns
    chart: { oci: shop }
    values:
      - secret: { name: S3cret!, key: yes }
`;
  assert.equal(
    problemsOf(() => parseBundle(text), 'SPEC_INVALID'),
    `bundle.yaml has 11 problems
bundle.yaml:3:11 metadata.version: missing; expected text
bundle.yaml:4:24 target.kubernetes[0]: expected text; found the number 1.30 (which YAML reads as 1.3); write it in quotes: "1.30"
bundle.yaml:4:31 target.platform: unknown field "platform"; did you mean "platforms"?
bundle.yaml:7:22 releases[0].namespace.nam: unknown field "nam"; did you mean "name"?
bundle.yaml:7:22 releases[1].namespace.nam: unknown field "nam"; did you mean "name"?
bundle.yaml:8:20 releases[0].chart.path: expected some text; found ""
bundle.yaml:10:5 the field "dependsOn" is given twice; the first is at 9:5
bundle.yaml:13:12 releases[1].chart: lacks "version" of { oci, version }; also accepted: { path } or { repo, name, version }
bundle.yaml:13:19 releases[1].chart.oci: expected "oci://registry/path/name"; found "shop"
bundle.yaml:15:25 releases[1].values[0].secret.name: expected lower-case letters, digits and "-", at most 63 of them, such as "shop-api"; found text that is not shown
bundle.yaml:15:39 releases[1].values[0].secret.key: expected text; found a boolean that is not shown; write it in quotes`,
  );
});

test('the alias of a mapping is told where the mapping stands', () => {
  const text = `apiVersion: diolkos.dev/v1
kind: Bundle
metadata: { name: shop, version: 1.4.0 }
target: { kubernetes: ["1.36"] }
releases:
  - { name: shop, namespace: &ns { name: Shop }, chart: { path: ./chart } }
  - { name: api, namespace: *ns, chart: { path: ./chart } }
`;
  const message = problemsOf(() => parseBundle(text), 'SPEC_INVALID');
  assert.match(message, /^bundle\.yaml:6:42 releases\[1\]\.namespace\.name: /m);
});

test('of very many problems the first hundred are told', () => {
  const text = `apiVersion: diolkos.dev/v1\nkind: Site\nregistry:\n  host: r\n${'x'.repeat(150).replaceAll('x', 'x: 1\n')}`;
  const message = problemsOf(() => parseDocument(Site, text, { file: 'site.yaml', code: 'SITE_INVALID' }), 'SITE_INVALID');
  assert.equal(message.split('\n').length, 102);
  assert.match(message, /^site\.yaml has 150 problems\n.*\n… and 50 more$/s);
});
