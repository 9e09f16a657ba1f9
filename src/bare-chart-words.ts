import { BundleError } from '../bundle-spec/bundle-error.ts';

/** What hints say of a spec, and what it is for a chart that was given alone: flags stand for the lines of a spec. */
const inFlags: readonly (readonly [RegExp, string | ((...found: string[]) => string)])[] = [
  [/images: \{(ignore|extra): \["([^"]*)"\]\}/g, (_, field = '', reference = '') => `--${field} ${quoted(reference)}`],
  [/images\.(ignore|extra): \["([^"]*)"\]/g, (_, field = '', reference = '') => `--${field} ${quoted(reference)}`],
  [/target\.apiVersions: \["([^"]*)"\]/g, '--api-versions $1'],
  [/target\.kubernetes: \["([^"]*)"\]/g, '--kube-version $1'],
  [/images\.(ignore|extra)/g, '--$1'],
  [/(?:in )?images\.paths/g, 'with --path'],
  [/ to the spec:(?= --)/g, ''],
  [/in the release['’]s "?values"?|in the values of the release/g, 'with --values or --set'],
  [/give the release the values/g, 'give with --values or --set the values'],
  [/check "target\.kubernetes" of the spec/g, 'check --kube-version'],
  [
    /chart\.path is a directory with a Chart\.yaml or a packed \.tgz, relative to the spec/g,
    'give a folder with a Chart.yaml, a packed .tgz, or a spec that ends in .yaml',
  ],
];

/** A hint or fix with flags where it names lines of a spec. */
export function inBareWords(hint: string): string {
  return inFlags.reduce(
    (text, [words, flag]) => (typeof flag === 'string' ? text.replace(words, flag) : text.replace(words, flag)),
    hint,
  );
}

/** The same error, with a hint that names flags and the chart's path where it named a spec. */
export function bareChartError(error: BundleError, path: string): BundleError {
  if (error.hint === undefined) return error;
  const hint = inBareWords(error.hint).replace('run "helm dependency build" on the chart', `run "helm dependency build ${path}"`);
  return new BundleError(error.code, error.message, { hint, cause: error });
}

/** As a shell takes it. */
function quoted(text: string): string {
  return /^[\w./:@+=-]+$/.test(text) ? text : `'${text}'`;
}
