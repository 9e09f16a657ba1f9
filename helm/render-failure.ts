import { BundleError } from '../bundle-spec/bundle-error.ts';

/** What was rendered when helm refused. */
export interface FailedRender {
  readonly release: string;
  readonly kubernetes: string;
  /** Names of the values layers, in order. */
  readonly layers: readonly string[];
  /** helm's stderr, with the paths of temporary files already replaced. */
  readonly stderr: string;
}

/** RENDER_FAILED with helm's own reason in one line and the layers of values in use; never what stands in them. */
export function renderFailed(failed: FailedRender): BundleError {
  const reason = readReason(failed.stderr);
  const layers = failed.layers.length === 0 ? 'the chart’s own values' : `the chart’s own values, ${failed.layers.join(', ')}`;
  return new BundleError(
    'RENDER_FAILED',
    `release ${failed.release} does not render for Kubernetes ${failed.kubernetes}: ${reason}`,
    {
      hint: `${adviceFor(reason, /execution error at \(/.test(failed.stderr))}; values in use: ${layers}`,
    },
  );
}

/** Template, line and reason of a failed helm run, without the frames between, the same for both majors. */
export function readReason(stderr: string): string {
  const message = stderr
    .replace(/^[\s\S]*?^Error: /m, '')
    .replace(/\n*Use --debug flag to render out invalid YAML\s*$/, '')
    .replace(/^(INSTALLATION|UPGRADE) FAILED: /, '')
    .trim();
  const failed = /^(?:.*: )?execution error at \(([^)]+)\): ([\s\S]*)$/.exec(message);
  if (failed !== null) return `${failed[1]}: ${oneLine(failed[2] ?? '')}`;
  const frames = [...message.matchAll(/([^\s(]+:\d+(?::\d+)?):?\s+executing "[^"]*" at <(.*?)>:\s*/g)];
  const innermost = frames.at(-1);
  if (innermost === undefined) return withoutValues(oneLine(message)) || 'helm gave no reason';
  const cause = message.slice(innermost.index + innermost[0].length);
  return `${innermost[1]}: ${innermost[2]}: ${oneLine(cause)}`;
}

function oneLine(text: string): string {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .join('; ');
}

/** A schema's refusal quotes the value it refuses. */
function withoutValues(reason: string): string {
  if (!/specifications of the schema/.test(reason)) return reason;
  return reason.replace(/(at '[^']*': )'(?:[^'\\]|\\.)*'(?= (?:does|is|has|must))/g, '$1the value').replaceAll(':;', ':');
}

/** `demanded`: the chart itself refuses, by `required` or `fail`. */
function adviceFor(reason: string, demanded: boolean): string {
  if (/dependency build/.test(reason)) return 'run "helm dependency build" on the chart and try again';
  if (demanded || /nil pointer|required|must|set |missing|provide/i.test(reason))
    return 'give the value it asks for in the release’s "values"';
  if (/kubeVersion/.test(reason)) return 'check "target.kubernetes" of the spec against what the chart supports';
  if (/specifications of the schema/.test(reason)) return 'mend the values that the chart’s schema refuses';
  return 'mend the values or the chart; "helm template" shows the same';
}
