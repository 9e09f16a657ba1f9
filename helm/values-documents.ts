import { BundleError } from '../bundle-spec/bundle-error.ts';
import { nestedFiles } from './charts/nested-files.ts';

/**
 * The YAML documents of a values file, as Helm 4 takes them apart (`YAMLReader` of k8s.io/apimachinery): at lines that begin with `---`, behind
 * which only a comment may stand. Helm 4 merges them in order, a later one wins, for the chart's own `values.yaml` and for those of a user;
 * Helm 3 reads the first and says nothing of the others. `name` is what errors call the file.
 * Throws RENDER_FAILED for a separator with more on its line, as Helm 4 does.
 */
export function splitValuesDocuments(text: string, name: string): string[] {
  const documents: string[] = [];
  let lines: string[] = [];
  for (const line of text.split('\n')) {
    if (isSeparator(line, name) && lines.length > 0) {
      documents.push(lines.join('\n'));
      lines = [];
    } else lines.push(line);
  }
  documents.push(lines.join('\n'));
  return documents;
}

/**
 * Throws CHART_INVALID for a packed chart that only Helm 4 reads whole: one whose `values.yaml`, or a subchart's, holds several documents.
 * Behind the gap it is helm 4 that installs, so what Helm 3 renders of such a chart would be no proof.
 */
export function refuseSeveralDocuments(tgz: Buffer, name: string): void {
  for (const { chart, path, body } of nestedFiles(tgz, name)) {
    if (path !== 'values.yaml') continue;
    const text = body.toString('utf8');
    if (!/\n---/.test(text)) continue;
    const documents = splitValuesDocuments(text, `${chart}/values.yaml`).filter((document) => !isBlank(document));
    if (documents.length < 2) continue;
    throw new BundleError(
      'CHART_INVALID',
      `${chart}/values.yaml holds ${documents.length} documents; Helm 3 reads only the first`,
      {
        hint: 'use Helm 4.2 or newer (DIOLKOS_HELM), as the installer does',
      },
    );
  }
}

/** True for documents that set nothing: blank lines, comments, separators. */
function isBlank(document: string): boolean {
  return !/^(?!---\s*(?:#|$)|\s*(?:#|$)|%)/m.test(document);
}

function isSeparator(line: string, name: string): boolean {
  if (!line.startsWith('---')) return false;
  const rest = line.slice(3).trim();
  if (rest === '' || rest.startsWith('#')) return true;
  throw new BundleError('RENDER_FAILED', `${name}: a line that begins with "---" has more on it, which helm 4 refuses`, {
    hint: 'put what follows "---" on a line of its own',
  });
}
