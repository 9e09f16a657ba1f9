import { parseReference } from '../images/reference.ts';
import { known, type Run } from './run.ts';

/** Whether the site's registry has an image that a node cannot pull, asked with the Job's own credentials. */
export async function registryAnswer(run: Run, image: string): Promise<'has it' | 'does not have it' | undefined> {
  try {
    const { host, repository, tag, digest } = parseReference(image);
    if (host !== known(run, 'target').host) return undefined;
    const found = await known(run, 'registry').headManifest(repository, digest ?? tag ?? 'latest', run);
    if (found === 'unknown') return undefined;
    return found === 'absent' ? 'does not have it' : 'has it';
  } catch {
    // It is asked for a better word in a report that is written in any case.
    return undefined;
  }
}
