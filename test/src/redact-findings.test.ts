import assert from 'node:assert/strict';
import { test } from 'node:test';
import { redactFindings } from '../../src/redact-findings.ts';

test('a finding repeats no password, token or key of the values, and keeps the names of Secrets', () => {
  const values = {
    db: { password: 'correct-horse', port: 54321, existingSecret: 'shop-db' },
    users: [{ apiKey: 'battery-staple' }],
    tokens: { adminToken: 123456789 },
  };
  const message = 'correct-horse, battery-staple, 123456789 on 54321 of shop-db';
  const finding = { severity: 'info', code: 'GATE_FAILED', message, where: 'a.yaml:1', fix: 'not battery-staple' } as const;
  assert.deepEqual(redactFindings([finding], [{}, values]), [
    { ...finding, message: '***, ***, *** on 54321 of shop-db', fix: 'not ***' },
  ]);
});
