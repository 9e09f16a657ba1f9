import assert from 'node:assert/strict';
import { test } from 'node:test';
import { choicesInComments } from '../../helm/gates/values-comments.ts';
import { formatPath } from '../../helm/values-path.ts';

const cases = [
  { text: '# one of: standalone, cluster or sentinel\nmode: standalone', words: { mode: ['standalone', 'cluster', 'sentinel'] } },
  { text: 'a:\n  # Options: x-y | z\n  kind: z\nb: 1', words: { 'a.kind': ['x-y', 'z'] } },
  { text: '# -- Backend, "s3" or "gcs"\nbackend: s3', words: { backend: ['s3', 'gcs'] } },
  { text: 'type: sqlite # Possible values are: sqlite, postgres', words: { type: ['sqlite', 'postgres'] } },
  { text: '# Number of replicas, pods or so\nreplicas: 1', words: {} },
  { text: '# one of: a, b\n\nother: c', words: {} },
  { text: '# one of: a, b\nmap:\n  other: c', words: {} },
];
for (const { text, words } of cases) {
  test(`choices in the comments of ${JSON.stringify(text)}`, () => {
    const found = choicesInComments(text).map((one) => [formatPath(one.path), one.words]);
    assert.deepEqual(Object.fromEntries(found), words);
  });
}
