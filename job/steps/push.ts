import { pushBundle } from '../../images/push-bundle.ts';
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
  run.pushed = await pushBundle(known(run, 'bundle'), known(run, 'registry'), known(run, 'target'), {
    signal: run.signal,
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
  });
  const { items: _, ...counts } = run.pushed;
  reporter.event('pushed', counts);
}
