import assert from 'node:assert/strict';
import { startMemoryRegistry } from '../../registries/memory-registry.ts';
import { redirecting } from '../../registries/quirks/locations.ts';
import { breaksOff } from '../../registries/quirks/pulls.ts';
import { type Quirk, together } from '../../registries/quirks/quirk.ts';
import { basicOnly, type TokenQuirks, tokens } from '../../registries/quirks/tokens.ts';
import { slowUpload } from '../../registries/quirks/uploads.ts';
import { complaint, reply } from '../../registries/reply.ts';
import { pushSample, sampleImage } from '../../registries/sample-images.ts';
import { testUser } from '../../registries/start-registry.ts';
import { pushBytes } from '../blob-calls.ts';
import { type MemoryClientOptions, seedBlob } from '../memory-client.ts';
import { blob, pushed, type QuirkCase } from './quirk-case.ts';

const by =
  (quirks: TokenQuirks, more: Partial<MemoryClientOptions> = {}) =>
  (): MemoryClientOptions => ({ credentials: { from: 'the test', ...testUser }, intercept: tokens(quirks), ...more });

const identity = { credentials: { from: 'the test', identityToken: 'refresh-me' } };

/** A push, a mount and a pull: all that needs tokens. */
const works: QuirkCase['work'] = async (client, t) => {
  await pushSample(client.registry, 'shop/api', '1', sampleImage(), t);
  await pushed()(client, t);
  const { digest } = blob.descriptor;
  assert.equal(await pushBytes(client.registry, 'b', blob, { signal: t.signal, mountFrom: 'a' }), 'mounted');
  assert.equal(await client.registry.hasBlob('b', digest, t), true);
  assert.deepEqual(await client.registry.fetchBlob('b', blob.descriptor, t), blob.bytes);
};

const denied =
  (expected: object): QuirkCase['work'] =>
  async ({ registry }, t) =>
    assert.rejects(registry.fetchManifest('a', '1', t), expected);

const cross = (bearer: string) => bearer.replace(/repository:([^:]+):\S+"/, 'repository:$1:pull"');

export const loginQuirks: readonly QuirkCase[] = [
  { name: 'ACR: the token is in access_token only', registry: by({ field: 'access_token' }), work: works },
  { name: 'a realm has a query of its own', registry: by({ query: 'tenant=7' }), work: works },
  {
    name: 'GitLab: a token of five minutes ends under an upload, which is sent again with a new one',
    registry: () => ({
      credentials: { from: 'the test', ...testUser },
      intercept: together(slowUpload(150, 1), tokens({ lifeMs: 100 })),
    }),
    work: pushed(),
  },
  {
    name: 'the answer of a token server breaks off, and is asked for again',
    registry: () => ({
      credentials: { from: 'the test', ...testUser },
      intercept: together(breaksOff(/^\/auth/), tokens()),
    }),
    work: pushed(),
  },
  { name: 'a token server looks at the first scope only', registry: by({ grants: 'first scope' }), work: works },
  {
    name: 'GCR: 401 comes without a challenge everywhere but at /v2/',
    registry: by({ challenge: (bearer, { url }) => (url === '/v2/' ? bearer : undefined) }),
    work: works,
  },
  {
    name: 'ECR: Basic is all it knows, with the user AWS',
    registry: () => {
      const user = { username: 'AWS', password: 'a-very-long-password'.repeat(100) };
      return { credentials: { from: 'the test', ...user }, intercept: basicOnly(user) };
    },
    work: works,
  },
  {
    name: 'Basic and Bearer stand in one header',
    registry: by({ challenge: (bearer) => `Basic realm="odd, but true", ${bearer}` }),
    work: works,
  },
  {
    name: 'Basic and Bearer stand in two headers, and Negotiate before them',
    registry: by({ challenge: (bearer) => ['Negotiate', 'Basic realm="odd"', bearer] }),
    work: works,
  },
  { name: 'Gitea: the scope of every challenge is "*"', registry: by({ scope: '*' }), work: works },
  {
    name: 'GCR, JFrog: a challenge names less than the request needs',
    registry: by({ challenge: cross }),
    work: works,
  },
  {
    name: 'GCR and Gitea: an identity token cannot be POSTed (404)',
    registry: by({ post: reply(404) }, identity),
    work: works,
  },
  {
    name: 'Artifactory: an identity token cannot be POSTed (401)',
    registry: by({ post: complaint(401, 'UNAUTHORIZED', 'no POST here') }, identity),
    work: works,
  },
  {
    name: 'ACR: an identity token cannot be POSTed (400)',
    registry: by({ post: complaint(400, 'UNSUPPORTED', 'unsupported grant type') }, identity),
    work: works,
  },
  { name: 'ACR: an identity token is POSTed', registry: by({ field: 'access_token' }, identity), work: works },
  {
    name: 'DigitalOcean: the token server says which limit of the plan is reached',
    registry: by({ refusal: complaint(403, 'DENIED', 'registry contains 1 repositories, limit is 1') }),
    work: denied({ code: 'REGISTRY_DENIED', message: /registry contains 1 repositories, limit is 1/ }),
  },
  {
    name: 'Harbor: a robot whose clock is off is refused, and its name is no variable of a shell',
    registry: () => ({
      credentials: { from: 'the test', username: 'robot$shop', password: 'x' },
      intercept: tokens({ refusal: complaint(401, 'UNAUTHORIZED', 'token used before issued') }),
    }),
    work: async (client, t) => {
      await denied({ code: 'REGISTRY_DENIED', message: /used before issued/ })(client, t);
      const { headers, url } = client.memory.requests.find((request) => request.url.startsWith('/auth')) ?? assert.fail();
      assert.match(Buffer.from(headers.authorization?.slice(6) ?? '', 'base64').toString(), /^robot\$shop:/);
      assert.match(url, /account=robot%24shop/);
    },
  },
  {
    name: 'a token server that answers without end is stopped',
    registry: () => ({ credentials: { from: 'the test', ...testUser }, intercept: together(endlessToken(), tokens()) }),
    work: denied({ code: 'REGISTRY_FAILED', message: /without a token$/ }),
  },
  {
    name: 'registry.k8s.io: a manifest is redirected to a host that has a challenge of its own',
    registry: async (t) => {
      const other = await startMemoryRegistry({ intercept: tokens() });
      t.after(() => other.stop());
      const image = sampleImage({ seed: 'moved' });
      for (const held of image.blobs) seedBlob(other, 'a', held);
      other.store.putManifest('a', '1', { mediaType: image.root.descriptor.mediaType, bytes: image.root.bytes });
      const intercept = together(
        tokens(),
        redirecting(/manifests/, 307, () => other.origin),
      );
      return { credentials: { from: 'the test', ...testUser }, intercept };
    },
    work: async ({ registry }, t) =>
      assert.deepEqual(await registry.fetchManifest('a', '1', t), sampleImage({ seed: 'moved' }).root),
  },
];

function endlessToken(): Quirk {
  return (request, response) => {
    if (!request.url?.startsWith('/auth')) return false;
    response.writeHead(200);
    const more = (): void => void (response.destroyed || response.write(`{"token":"${'x'.repeat(1 << 16)}`, more));
    more();
    return true;
  };
}
