import assert from 'node:assert/strict';
import { test } from 'node:test';
import { leanerSettings, repairsFor } from '../../helm/gates/gate-repairs.ts';
import { rivalsOff, withField } from '../../helm/gates/gate-rivals.ts';
import { formatPath } from '../../helm/values-path.ts';

const values = {
  ingress: { enabled: false, host: '', hosts: [], adminEmail: null, port: 80 },
  rbac: { create: false },
  licenseKey: '',
  versionOverride: '',
  db: { auth: { password: '' }, enabled: true },
};

const messages = [
  {
    name: 'a required value, by its kind',
    message: 'release shop does not render for Kubernetes 1.36: shop/templates/a.yaml:3:4: ingress.host is required',
    edits: { 'ingress.host': 'placeholder.invalid' },
  },
  {
    name: 'what it has to be',
    message: 'shop/templates/a.yaml:3:4: you need to set rbac.create=true and ingress.adminEmail',
    edits: { 'rbac.create': true, 'ingress.adminEmail': 'admin@placeholder.invalid' },
  },
  {
    name: 'a list that may not be empty',
    message: 'shop/templates/a.yaml:3:4: at least one of .Values.ingress.hosts must be given',
    edits: { 'ingress.hosts': ['placeholder.invalid'] },
  },
  {
    name: 'a nil pointer, and the maps on its way',
    message: 'shop/templates/a.yaml:3:4: .Values.store.server.url: nil pointer evaluating interface {}.url',
    edits: { 'store.server.url': 'https://placeholder.invalid' },
  },
  {
    name: 'a value of the subchart whose template fails',
    message: 'shop/charts/db/templates/a.yaml:3:4: auth.password must not be empty',
    edits: { 'db.auth.password': 'placeholder-0123456789' },
  },
  {
    name: 'names without a dot: in quotes, or in camelCase',
    message: 'shop/templates/a.yaml:3:4: give `licenseKey`, versionOverride must be set',
    edits: { licenseKey: 'placeholder-0123456789', versionOverride: 'placeholder' },
  },
  {
    name: 'what has to be created beside it',
    message: 'shop/templates/NOTES.txt:202:4: you also need to create rbac and serviceAccount',
    edits: { 'rbac.create': true },
  },
  {
    name: 'no word that is no value',
    message: 'shop/charts/db/templates/a.yaml:3:4: enable them, or ask "anyone"',
    edits: {},
  },
  { name: 'nothing that the values have', message: 'shop/templates/a.yaml:3:4: not in the free edition of shop.io', edits: {} },
  { name: 'nothing that is set already', message: 'shop/templates/a.yaml:3:4: ingress.port must be above 79', edits: {} },
  {
    name: 'a number above its bound',
    message: 'shop/templates/a.yaml:3:4: ingress.port must be above 1024',
    edits: { 'ingress.port': 1025 },
  },
  {
    name: 'a number that is large enough for a bound which the message does not tell',
    message: 'shop/templates/a.yaml:3:4: set the `ingress.port` to a value of at least two times the configured `adminPort`.',
    edits: { 'ingress.port': 1600 },
  },
  {
    name: 'the word that it asks for',
    message: 'shop/templates/a.yaml:3:4: Set versionOverride.x: "yes" or db.auth.password: "agreed" and db.mode=ha to confirm',
    edits: { 'db.auth.password': 'agreed', 'db.mode': 'ha' },
  },
];

for (const { name, message, edits } of messages) {
  test(`a failed gate is tried again with ${name}`, () => {
    const repairs = repairsFor(message, values).map(({ path, value }) => [formatPath(path), value]);
    assert.deepEqual(Object.fromEntries(repairs), edits);
  });
}

test('a gate is tried again with less made up inside its maps', () => {
  const settings = [
    { path: ['boards'], value: { a: { b: { url: 'x', id: 1 } } } },
    { path: ['enabled'], value: true },
  ];
  assert.deepEqual(leanerSettings(settings), [
    { path: ['boards'], value: { a: { b: {} } } },
    { path: ['enabled'], value: true },
  ]);
});

const rivals = {
  auth: { basic: { enabled: true }, oidc: { enabled: false }, ldap: { enabled: false } },
  useDisk: true,
  useS3: false,
};
for (const { name, message, path, off } of [
  {
    name: 'the switch beside it',
    message: 'exactly one auth may be on',
    path: ['auth', 'oidc', 'enabled'],
    off: ['auth.basic.enabled'],
  },
  { name: 'the key beside it', message: 'disk and s3 cannot be used together', path: ['useS3'], off: ['useDisk'] },
  { name: 'nothing for another reason', message: 'a url is required', path: ['useS3'], off: [] },
]) {
  test(`one of several at a time: a gate turns off ${name}`, () => {
    const edits = rivalsOff(message, [{ path, value: true }], rivals);
    assert.deepEqual(
      edits.map((edit) => [formatPath(edit.path), edit.value]),
      off.map((rival) => [rival, false]),
    );
  });
}

test('what the chart reads a field of becomes a map', () => {
  const settings = [
    { path: ['cache', 'x', 'exec'], value: true },
    { path: ['on'], value: true },
  ];
  const message = "shop/templates/_helpers.tpl:3:9: $exec.server: can't evaluate field server in type bool";
  assert.deepEqual(withField(message.replace('$exec', '.exec'), settings)?.[0]?.value, { server: 'placeholder.invalid' });
  assert.deepEqual(withField(message.replace('$exec', '.this'), settings)?.[1]?.value, { server: 'placeholder.invalid' });
  assert.equal(withField('a url is required', settings), undefined);
  assert.equal(withField('b64enc: wrong type for value; expected string; got bool', settings)?.[1]?.value, 'placeholder');
});
