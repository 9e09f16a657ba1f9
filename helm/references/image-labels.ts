/** The words of a key, flag or variable, in lower case: `reloaderImageTag`, `--reloader-image-tag`, `RELOADER_IMAGE_TAG`. */
export function wordsOf(label: string): string[] {
  return label
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '');
}

/** What one label says of the value that it names. */
export interface LabelMeaning {
  /** It holds an image: `image`, `agentImage`, `--init-image`, `RELATED_IMAGE_X`. */
  readonly image: boolean;
  /** It holds something that is in a registry, or the beginning of its name. */
  readonly artifact: boolean;
  /** What it holds is completed by a tag from elsewhere: `IMAGE_REPOSITORY`, `--default-base-image`. */
  readonly unfinished: boolean;
}

/** Labels come again and again; the words of each are looked at once. */
const meanings = new Map<string, LabelMeaning>();
const mostMeanings = 10_000;

export function meaningOf(label: string): LabelMeaning {
  const known = meanings.get(label);
  if (known !== undefined) return known;
  const meaning = readMeaning(label);
  if (meanings.size >= mostMeanings) meanings.clear();
  meanings.set(label, meaning);
  return meaning;
}

/** Last words of labels that speak of images and hold none. */
const otherThings = new Set(
  (
    'tag tags version versions digest sha sha256 hash size type format id ids url urls registry registries prefix suffix dir directory ' +
    'gc scan scanner scanning cache timeout interval fs arch platform platforms mode count limit age threshold enabled'
  ).split(' '),
);
const neverImages = new Set(['pull', 'policy', 'policies', 'secret', 'secrets', 'credentials']);
const unfinishedEnds = new Set(['repository', 'repositories', 'repo', 'path', 'base']);

const artifactWords = /^(?:repo(?:sitor(?:y|ies))?|registr(?:y|ies)|packages?|plugins?|artifacts?|hub)$|images?$/;

function readMeaning(label: string): LabelMeaning {
  const words = wordsOf(label);
  const last = words.at(-1) ?? '';
  const spoken = words.some((word) => /images?$/.test(word)) && !words.some((word) => neverImages.has(word));
  const related = words[0] === 'related' && words[1] === 'image';
  return {
    image: spoken && (related || !otherThings.has(last)),
    artifact: words.some((word) => artifactWords.test(word)),
    unfinished: unfinishedEnds.has(last) || words.includes('base') || words.includes('default'),
  };
}
