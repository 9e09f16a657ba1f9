import assert from 'node:assert/strict';
import { test } from 'node:test';
import { redactSecrets } from '../../cluster/redaction.ts';

const cases = [
  { name: 'a password', secrets: ['db:\n  password: s3cr3t-word\n'], line: 'login s3cr3t-word failed', told: 'login *** failed' },
  { name: 'a number', secrets: ['pin: 12345678'], line: 'pin 12345678', told: 'pin ***' },
  { name: 'a word of a list', secrets: ['keys: [alpha-key, beta-key]'], line: 'beta-key', told: '***' },
  { name: 'a line of a block', secrets: ['pem: |\n  BEGIN\n  c2VjcmV0LWxpbmU=\n'], line: 'c2VjcmV0LWxpbmU=', told: '***' },
  { name: 'what holds a shorter secret', secrets: ['a: secret\nb: secret-long'], line: 'secret-long', told: '***' },
  { name: 'signs of patterns', secrets: ['a: "a.c+(d"'], line: 'abc a.c+(d', told: 'abc ***' },
  { name: 'lines of what is no YAML', secrets: ['{{ token-value\n'], line: 'x {{ token-value', told: 'x ***' },
];
for (const { name, secrets, line, told } of cases) {
  test(`${name} out of a Secret is not repeated`, () => assert.equal(redactSecrets(secrets)(line), told));
}

test('short words and keys stay readable', () => {
  const redact = redactSecrets(['replicaCount: 2\ndebug: true\nname: web\n']);
  assert.equal(redact('replicaCount of web is 2, debug true'), 'replicaCount of web is 2, debug true');
});
