import { BundleError } from '../../bundle-spec/bundle-error.ts';
import { ExplainedError } from '../../cluster/report.ts';
import { pushBundle } from '../../images/push/push-bundle.ts';
import { known, type Run } from '../run.ts';

const words = {
  state: ['nothing was installed or upgraded; what was pushed stays'],
  next: ['run the Job again: it continues, and what was pushed is not sent again'],
};

/** Pushes what the registry lacks, straight from the tar. */
export async function push(run: Run): Promise<void> {
  const { reporter } = run;
  let items = 0;
  let sent = 0;
  let planned = 0;
  const pushed = await pushBundle(known(run, 'bundle'), known(run, 'registry'), known(run, 'target'), {
    signal: run.signal,
    onTagConflict: run.options.tagConflict,
    onEvent(event) {
      if (event.type === 'planned') planned = event.bytes;
      if (event.type === 'item') items += 1;
      if (event.type === 'progress') sent += event.bytes;
      else reporter.event(`push-${event.type}`, { ...event });
      reporter.progress({
        ...words,
        state: [`${sent} of ${planned} bytes sent, ${items} images and charts complete`, ...words.state],
      });
    },
  }).catch((error: unknown) => {
    throw error instanceof BundleError ? explained(error) : error;
  });
  run.pushed = pushed;
  const { items: _, ...counts } = pushed;
  reporter.event('pushed', counts);
}

function explained(error: BundleError): BundleError {
  if (error.code === 'TAG_CONFLICT') return explainConflict(error);
  return error.code === 'BASE_MISSING' ? explainBase(error) : error;
}

/** A delta without its base. Nothing has been sent when this is found. */
function explainBase(error: BundleError): ExplainedError {
  const [summary = '', ...why] = error.message.split('\n').map((line) => line.trim());
  const fix = error.hint === undefined ? [] : [error.hint];
  return new ExplainedError(error.code, summary, { findings: { why, fix, state: ['nothing was changed'] }, cause: error });
}

/** The choice is made in the Job's own arguments. Nothing has been sent when this is found. */
function explainConflict(error: BundleError): ExplainedError {
  const [summary = '', ...why] = error.message.split('\n');
  return new ExplainedError(error.code, summary, {
    findings: {
      why,
      fix: [
        'if the bundle is right, add "--tag-conflict", "overwrite" to the args of the Job and run it again (install/60-job.yaml)',
        'if what the registry has is right, give the site a registry.prefix of its own',
      ],
      state: ['nothing was changed'],
    },
    cause: error,
  });
}
