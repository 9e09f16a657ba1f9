import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explainInstall, type FailedInstall } from '../../cluster/explain-install.ts';
import { pullAdvice } from '../../cluster/pull-advice.ts';
import type { LogTail } from '../../cluster/report.ts';
import type { Symptom } from '../../cluster/symptom.ts';
import type { Workload } from '../../cluster/workloads.ts';

const web: Workload = { kind: 'Deployment', namespace: 'shop', name: 'web' };
const hook: Workload = { kind: 'Job', namespace: 'shop', name: 'migrate', hook: 'pre-install,pre-upgrade' };
const symptom = (kind: Symptom['kind'], workload: Workload, changes: Partial<Symptom> = {}): Symptom => ({
  kind,
  workload,
  key: kind,
  summary: `says ${kind}`,
  details: [`detail of ${kind}`],
  ...changes,
});
const log: LogTail = { pod: 'migrate-x', container: 'main', lines: ['bad password'] };

const failed = (symptoms: Symptom[], changes: Partial<FailedInstall> = {}): FailedInstall => ({
  release: { name: 'web', namespace: 'shop', revision: 3 },
  operation: 'upgrade',
  registryHost: 'registry.internal',
  stderr: 'Error: UPGRADE FAILED: context deadline exceeded',
  evidence: { symptoms, logOf: () => log },
  state: ['web is failed at revision 3'],
  ...changes,
});

test('a failed hook is told by the exit code and the log of its pod, in the phase of this operation', () => {
  const error = explainInstall(failed([symptom('hook-failed', hook), symptom('crashed', hook)]));
  assert.equal(error.code, 'HOOK_FAILED');
  assert.equal(error.phase, 'hook:pre-upgrade');
  assert.equal(error.message, 'hook Job/migrate says hook-failed, says crashed');
  assert.deepEqual(error.findings.logs, [log]);
  assert.deepEqual(error.findings.why, ['detail of crashed', 'detail of hook-failed']);
});

test('the reason for which helm was stopped is the cause, whatever else is wrong', () => {
  const stopped = symptom('image-pull', web, { image: 'registry.internal/web:1' });
  const error = explainInstall(failed([symptom('hook-failed', hook), stopped], { stopped, stderr: 'Error: context canceled' }));
  assert.equal(error.code, 'WORKLOAD_NOT_READY');
  assert.equal(error.phase, 'wait');
  assert.match(error.findings.why.join(), /hook Job\/migrate: says hook-failed/);
  assert.deepEqual(error.findings.helm, [], 'helm can only say that it was stopped');
});

test('what was wrong before the install is no cause of its failure', () => {
  const error = explainInstall(failed([symptom('unschedulable', web), symptom('crash-loop', hook, { stale: true })]));
  assert.match(error.message, /Deployment\/web/);
  assert.doesNotMatch(error.findings.why.join(), /migrate/);
});

const complaints = [
  { stderr: 'Error: UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress', code: 'RELEASE_PENDING' },
  {
    stderr: 'Error: UPGRADE FAILED: cannot patch "x" with kind Deployment: spec.selector: field is immutable',
    code: 'INSTALL_FAILED',
  },
  {
    stderr: 'Error: services is forbidden: User "system:serviceaccount:a:b" cannot create resource "services"',
    code: 'RIGHTS_MISSING',
  },
  { stderr: 'Error: unable to build kubernetes objects: no matches for kind "X" in version "g/v1"', code: 'INSTALL_FAILED' },
  { stderr: 'Error: UPGRADE FAILED: something new', code: 'INSTALL_FAILED' },
];
for (const { stderr, code } of complaints) {
  test(`helm's "${stderr.slice(7, 70)}" is ${code}`, () => {
    const error = explainInstall(failed([], { stderr }));
    assert.equal(error.code, code);
    assert.deepEqual(error.findings.helm, [stderr]);
    assert.deepEqual(error.findings.state, ['web is failed at revision 3']);
  });
}

const image = 'registry.internal/web:1';
const pulls = [
  { message: '401 Unauthorized', advice: /pull secret/ },
  { message: 'x509: certificate signed by unknown authority', advice: /trust/ },
  {
    message: 'x509: certificate signed by unknown authority',
    registryAnswer: 'does not have it' as const,
    advice: /does not have it/,
  },
  { message: 'manifest unknown: not found', advice: /run the Job again/ },
  { message: 'no match for platform in manifest', advice: /target.platforms/ },
  { message: 'dial tcp: i/o timeout', advice: /cannot reach/ },
];
for (const { message, advice, registryAnswer } of pulls) {
  test(`a pull that fails with "${message}"${registryAnswer === undefined ? '' : `, where the registry ${registryAnswer}`}, leads to advice like ${advice}`, () => {
    const found = pullAdvice({
      image,
      message,
      registryHost: 'registry.internal',
      namespace: 'shop',
      ...(registryAnswer && { registryAnswer }),
    });
    assert.match(found.join('\n'), advice);
  });
}

test('an image of another host was not rewritten', () => {
  const found = pullAdvice({ image: 'docker.io/web:1', message: '401', registryHost: 'registry.internal', namespace: 'shop' });
  assert.match(found.join(), /images.extra or images.paths/);
});
