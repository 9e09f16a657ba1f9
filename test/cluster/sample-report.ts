import { noFindings, type Report } from '../../cluster/report.ts';

/** A failure with something in every section. */
export function sampleReport(changes: Partial<Report> = {}): Report {
  return {
    ...noFindings,
    outcome: 'failed',
    code: 'HOOK_FAILED',
    bundle: { name: 'shop', version: '1.4.0' },
    phase: 'hook:pre-upgrade',
    release: { name: 'web', namespace: 'shop', revision: 3 },
    summary: 'hook Job/migrate failed',
    seconds: 63,
    why: ['container migrate ended with exit code 3'],
    where: ['Job shop/migrate'],
    logs: [{ pod: 'migrate-x', container: 'migrate', lines: ['connecting', 'password rejected'] }],
    fix: ['mend the password'],
    helm: ['Error: UPGRADE FAILED'],
    state: ['web is failed at revision 3'],
    next: ['run the Job again'],
    ...changes,
  };
}
