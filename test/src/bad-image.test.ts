import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { test } from 'node:test';
import { complaint, type Reply, reply, sendReply } from '../registries/reply.ts';
import { sampleImage, sampleIndex } from '../registries/sample-images.ts';
import { assertFailed, assertLeft, runCli } from './cli.ts';
import { chartFiles, folderWith, registryOf, seed, specYaml } from './workshop.ts';

/** How the registry spoils the manifests of a repository; without one it holds what `seedAll` puts there. */
const spoiled: Readonly<Record<string, Reply>> = {
  private: complaint(401, 'UNAUTHORIZED', 'authentication required', { 'www-authenticate': 'Basic realm="shop"' }),
  forbidden: complaint(403, 'DENIED', 'requested access to the resource is denied'),
  broken: reply(500, { 'retry-after': '9999' }, 'the database is away'),
  busy: complaint(429, 'TOOMANYREQUESTS', 'you have reached your pull rate limit', { 'retry-after': '9999' }),
  page: reply(200, { 'content-type': 'text/html' }, '<html><title>Welcome to the intranet</title></html>'),
  huge: reply(200, { 'content-type': 'application/vnd.oci.image.index.v1+json' }, Buffer.alloc((4 << 20) + 1, 32)),
};
const absentDigest = `sha256:${'0'.repeat(64)}`;

/** Each image and what the one error that tells of them all has to say about it. */
const badImages: readonly { readonly name: string; readonly image: string; readonly says: readonly string[] }[] = [
  {
    name: 'a tag that does not exist is told with those that come near',
    image: 'shop/api:1.9.7',
    says: ['has no shop/api:1.9.7', '[REGISTRY_NOT_FOUND]', 'come near: 1.9.0, 1.8'],
  },
  {
    name: 'a tag that nothing comes near is told with some that exist',
    image: 'shop/api:stable',
    says: ['has no shop/api:stable', '[REGISTRY_NOT_FOUND]', '1.9.0'],
  },
  {
    name: 'a tag that others begin with is told with them, and with the lines to add',
    image: 'shop/driver:595.71',
    says: [
      'has no shop/driver:595.71',
      'begin with it: 595.71-rhel9.4, 595.71-ubuntu24.04; if',
      '/shop/driver:595.71-rhel9.4"] }; if nothing pulls it, images: { ignore: ["',
    ],
  },
  {
    name: 'a placeholder that a release would have replaced',
    image: 'shop/driver:set-by-chartpress',
    says: ['"set-by-chartpress" is a placeholder that the release of a chart replaces: take the chart from its repository'],
  },
  {
    name: 'a registry that does not list its tags',
    image: 'shop/listless:1',
    says: ['has no shop/listless:1', '[REGISTRY_NOT_FOUND]', 'may not exist there'],
  },
  {
    name: 'a repository that does not exist',
    image: 'shop/apy:1.9.0',
    says: ['has no shop/apy:1.9.0', '[REGISTRY_NOT_FOUND]', 'the repository shop/apy may not exist there; check its spelling'],
  },
  {
    name: 'a digest that does not exist',
    image: `shop/api@${absentDigest}`,
    says: [`has no shop/api@${absentDigest}`, '[REGISTRY_NOT_FOUND]'],
  },
  {
    name: 'an image that needs credentials',
    image: 'shop/private:1',
    says: ['refused the pull of shop/private:1: 401', '[REGISTRY_DENIED]', 'docker login 127.0.0.1:'],
  },
  {
    name: 'an image that is forbidden',
    image: 'shop/forbidden:1',
    says: ['refused the pull of shop/forbidden:1: 403', 'requested access to the resource is denied', '[REGISTRY_DENIED]'],
  },
  {
    name: 'a registry that fails for good',
    image: 'shop/broken:1',
    says: ['failed at the pull of shop/broken:1: 500 the database is away', '[REGISTRY_FAILED]', 'try again later'],
  },
  {
    name: 'a registry whose limit is used up',
    image: 'shop/busy:1',
    says: ['limits requests', 'shop/busy:1', 'pull rate limit', '[REGISTRY_LIMITED]', '9999 seconds'],
  },
  {
    name: 'an index without the platform',
    image: 'shop/arm:1',
    says: ['shop/arm:1', 'linux/amd64', 'linux/arm64', '[PLATFORM_MISSING]'],
  },
  {
    name: 'a single image of another platform',
    image: 'shop/arm-only:1',
    says: ['shop/arm-only:1', 'linux/amd64', 'linux/arm64', '[PLATFORM_MISSING]'],
  },
  {
    name: 'a web page instead of a manifest',
    image: 'shop/page:1',
    says: ['shop/page:1', '[MANIFEST_INVALID]'],
  },
  {
    name: 'a manifest without end',
    image: 'shop/huge:1',
    says: ['shop/huge:1 has more than 4194304 bytes [MANIFEST_INVALID]'],
  },
  {
    name: 'a registry where nothing listens',
    image: '127.0.0.1:1/shop/api:1',
    says: ['127.0.0.1:1/shop/api:1', 'nothing listens there [REGISTRY_UNREACHABLE]'],
  },
];

test('all images that cannot be had are told in one error, and nothing is left', async (t) => {
  const registry = await registryOf(t, { intercept });
  await seed(registry, 'shop/good', '1');
  await seed(registry, 'shop/api', '1.9.0');
  await seed(registry, 'shop/api', '1.8');
  for (const tag of ['595.71-ubuntu24.04', '595.71-rhel9.4', '595.711']) await seed(registry, 'shop/driver', tag);
  await seed(registry, 'shop/listless', '2');
  await seed(registry, 'shop/arm', '1', sampleIndex(['linux/arm64']));
  await seed(registry, 'shop/arm-only', '1', sampleImage({ platform: 'linux/arm64' }));
  const images = ['shop/good:1', ...badImages.map(({ image }) => image)];
  const full = images.map((image) => (image.startsWith('127') ? image : `${registry.host}/${image}`));
  const folder = await folderWith(t, { ...chartFiles(full), 'bundle.yaml': specYaml(registry.host) });
  const run = await runCli(['build', 'bundle.yaml', '-o', 'shop.tar'], { folder });
  // The code is that of the first: what nobody listens for sorts first.
  assertFailed(run, {
    error: 'REGISTRY_UNREACHABLE',
    says: [`error: ${badImages.length} of ${images.length} images cannot be had:`],
  });
  assert.doesNotMatch(run.stderr, /shop\/good/);
  await assertLeft(folder, ['bundle.yaml', 'chart']);
  for (const { name, image, says } of badImages) {
    await t.test(name, () => {
      const told = run.stderr.split(/\n(?= {2}\S)/).find((line) => line.includes(`${image}: `) || line.includes(`${image} is`));
      const found = (words: string) => told?.toLowerCase().includes(words.toLowerCase());
      for (const words of says) assert.ok(found(words), `does not say ${words}:\n${run.stderr}`);
    });
  }
});

function intercept(request: IncomingMessage, response: ServerResponse): boolean {
  if (request.url?.startsWith('/v2/shop/listless/tags/')) {
    sendReply(request, response, complaint(403, 'DENIED', 'listing is not allowed'));
    return true;
  }
  const [, name = ''] = /^\/v2\/shop\/([^/]+)\/manifests\//.exec(request.url ?? '') ?? [];
  const answer = spoiled[name];
  if (answer === undefined) return false;
  sendReply(request, response, answer);
  return true;
}
