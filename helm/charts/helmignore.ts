import { BundleError } from '../../bundle-spec/bundle-error.ts';

/** Says whether helm leaves a file or folder of a chart directory out. `path` is below the chart, with `/`. */
export type IgnoreRule = (path: string, isDirectory: boolean) => boolean;

/**
 * The rules of a `.helmignore` as helm reads them (helm pkg/ignore): Go's `filepath.Match`, the first rule that matches decides,
 * and a negated rule that does *not* match ignores the file. Dot files in `templates/` are always left out.
 * Throws CHART_INVALID for what helm refuses (`**`, a broken pattern).
 */
export function parseHelmignore(text: string): IgnoreRule {
  const lines = `${text.replace(/^\uFEFF/, '')}\ntemplates/.?*`.split('\n').map((line) => line.trim());
  const rules = lines.filter((line) => line !== '' && !line.startsWith('#')).map(parseRule);
  return (path, isDirectory) => {
    for (const rule of rules) {
      const misses = rule.directoryOnly && !isDirectory;
      if (rule.negated) {
        if (misses || !rule.matches(path)) return true;
      } else if (!misses && rule.matches(path)) return true;
    }
    return false;
  };
}

interface Rule {
  readonly negated: boolean;
  readonly directoryOnly: boolean;
  readonly matches: (path: string) => boolean;
}

function parseRule(line: string): Rule {
  if (line.includes('**')) throw broken(line, '"**" is not supported');
  const negated = line.startsWith('!');
  const directoryOnly = line.endsWith('/');
  const pattern = line.slice(negated ? 1 : 0, directoryOnly ? -1 : undefined);
  const rooted = pattern.startsWith('/');
  const matcher = globMatcher(rooted ? pattern.slice(1) : pattern, line);
  const wholePath = rooted || pattern.includes('/');
  return { negated, directoryOnly, matches: (path) => matcher.test(wholePath ? path : path.slice(path.lastIndexOf('/') + 1)) };
}

/** Go's `filepath.Match` on Unix: `*` and `?` stop at `/`, `[^a-z]`, and `\` takes the next character as it is. */
function globMatcher(pattern: string, line: string): RegExp {
  const piece = /\\(.)|\[(\^?)((?:\\.|[^\]\\])+)\]|(\*)|(\?)|([^\\[*?])/gsuy;
  let source = '';
  while (piece.lastIndex < pattern.length) {
    const found = piece.exec(pattern);
    if (found === null) throw broken(line, 'the pattern is malformed');
    const [, escaped, negation, set, star, question, literal] = found;
    if (set !== undefined) source += `[${negation === '^' ? '^' : ''}${set.replace(/[[&~^]/g, '\\$&')}]`;
    else if (star !== undefined) source += '[^/]*';
    else if (question !== undefined) source += '[^/]';
    else source += (escaped ?? literal ?? '').replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
  }
  return new RegExp(`^${source}$`, 's');
}

function broken(line: string, why: string): BundleError {
  return new BundleError('CHART_INVALID', `.helmignore: "${line}": ${why}`, {
    hint: 'helm refuses this chart too; mend the line',
  });
}
