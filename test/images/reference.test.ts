import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import { formatReference, isLocal, localReference, parseReference } from '../../images/reference.ts';

const digest = `sha256:${'0123456789abcdef'.repeat(4)}`;

const canonical: readonly [text: string, canonical: string][] = [
  ['redis', 'docker.io/library/redis:latest'],
  ['redis:7.0.5', 'docker.io/library/redis:7.0.5'],
  ['bitnami/redis', 'docker.io/bitnami/redis:latest'],
  ['docker.io/redis', 'docker.io/library/redis:latest'],
  ['index.docker.io/redis', 'docker.io/library/redis:latest'],
  ['index.docker.io/bitnami/redis:1', 'docker.io/bitnami/redis:1'],
  ['localhost/app', 'localhost/app:latest'],
  ['localhost:5000/app', 'localhost:5000/app:latest'],
  ['registry:5000', 'docker.io/library/registry:5000'],
  ['registry:5000/app', 'registry:5000/app:latest'],
  ['registry/app', 'docker.io/registry/app:latest'],
  ['quay.io/a/b/c/d:V1.2_3-x', 'quay.io/a/b/c/d:V1.2_3-x'],
  ['UPPER/app', 'UPPER/app:latest'],
  ['[fd00::1]:5000/app:1', '[fd00::1]:5000/app:1'],
  [`redis@${digest}`, `docker.io/library/redis@${digest}`],
  [`ghcr.io/x/y:1.0@${digest}`, `ghcr.io/x/y:1.0@${digest}`],
  ['a__b/c--d.e_f', 'docker.io/a__b/c--d.e_f:latest'],
];
for (const [text, expected] of canonical) {
  test(`${text} is ${expected}`, () => {
    assert.equal(formatReference(parseReference(text)), expected);
    assert.deepEqual(parseReference(expected), parseReference(text), 'the canonical text means the same');
  });
}

const refused: readonly [text: string, complaint: RegExp][] = [
  ['', /has no repository/],
  [':tag', /has no repository/],
  ['Redis', /"Redis" has upper-case letters/],
  ['ghcr.io/Shop/api', /"Shop" has upper-case letters/],
  ['ghcr.io//api', /part between two "\/" is empty/],
  ['ghcr.io/', /is empty/],
  ['a/b c', /contains " "/],
  ['{{ .Values.image }}', /contains "\{"/],
  ['a/-b', /"-b" is no path part/],
  ['a/b___c', /"b___c" is no path part/],
  ['-bad.io/app', /"-bad\.io" is no host name/],
  ['redis:', /nothing after the ":"/],
  ['redis:-1', /"-1" is no tag/],
  [`redis:${'a'.repeat(129)}`, /is no tag/],
  ['redis@sha256:12', /"sha256:12" is no digest/],
  [`redis@sha512:${'0'.repeat(128)}`, /algorithm "sha512" is not supported/],
  [`redis@${digest}@${digest}`, /more than one "@"/],
  ['https://ghcr.io/a/b', /begins with "https:\/\/"/],
  ['oci://ghcr.io/a/b', /begins with "oci:\/\/"/],
  ['0123456789abcdef'.repeat(4), /image id/],
  [`ghcr.io/${'a'.repeat(256)}`, /256 characters/],
];
for (const [text, complaint] of refused) {
  test(`${JSON.stringify(text.slice(0, 60))} is refused: ${complaint.source}`, () => {
    assert.throws(() => parseReference(text), { code: 'REFERENCE_INVALID', message: complaint });
  });
}

const local: readonly [text: string, prefix: string, expected: string][] = [
  ['redis:7', '', 'registry.internal:5000/docker.io/library/redis:7'],
  ['redis:7', 'mirror/shop', 'registry.internal:5000/mirror/shop/docker.io/library/redis:7'],
  [`ghcr.io/x/y:1@${digest}`, 'm', `registry.internal:5000/m/ghcr.io/x/y:1@${digest}`],
  ['localhost:5000/app:1', 'm', 'registry.internal:5000/m/localhost_5000/app:1'],
  ['Registry.Example:443/app:1', '', 'registry.internal:5000/registry.example_443/app:1'],
  ['[::1]:5000/app:1', '', 'registry.internal:5000/0_0_1_5000/app:1'],
];
for (const [text, prefix, expected] of local) {
  test(`${text} below prefix "${prefix}" becomes ${expected}`, () => {
    const target = { host: 'registry.internal:5000', prefix };
    const moved = localReference(parseReference(text), target);
    assert.equal(formatReference(moved), expected);
    assert.deepEqual(parseReference(expected), moved);
    assert.ok(isLocal(moved, target) && !isLocal(parseReference(text), target));
  });
}

test('a neighbour of the prefix is not local', () => {
  assert.equal(isLocal(parseReference('r.io/mirror2/app'), { host: 'r.io', prefix: 'mirror' }), false);
});

test('a local path past 255 characters is refused', () => {
  const reference = parseReference(`ghcr.io/${'a'.repeat(250)}`);
  assert.throws(() => localReference(reference, { host: 'r.io', prefix: 'p' }), {
    code: 'REFERENCE_INVALID',
    message: /260 characters/,
  });
});

test('any text is either canonicalised for good or refused with REFERENCE_INVALID', () => {
  const piece = fc.constantFrom('a', 'B', '0', '.', ':', '/', '-', '_', '@', '[', ']', 'localhost', 'docker.io', digest, ' ');
  const text = fc.oneof(
    fc.string(),
    fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join('')),
  );
  fc.assert(
    fc.property(text, (input) => {
      try {
        const formatted = formatReference(parseReference(input));
        assert.equal(formatReference(parseReference(formatted)), formatted);
      } catch (error) {
        assert.ok(error instanceof BundleError && error.code === 'REFERENCE_INVALID', String(error));
      }
    }),
    { numRuns: 2000 },
  );
});
