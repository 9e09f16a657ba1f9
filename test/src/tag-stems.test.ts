import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { openBundle } from '../../images/bundle/bundle-reader.ts';
import { completesTag, isPlaceholderTag } from '../../images/plan/tag-stem.ts';
import { openRegistry } from '../../images/registry/registry.ts';
import { reply, sendReply } from '../registries/reply.ts';
import { assertDone, assertFailed, runCli } from './cli.ts';
import { chartFiles, folderWith, registryOf, seed, sha256Of, specYaml, writeFiles } from './workshop.ts';

test('the line that an error names for a tag that programs complete makes the build work', async (t) => {
  const registry = await registryOf(t);
  for (const tag of ['1-ubuntu24.04', '1-rhel9.4']) await seed(registry, 'shop/driver', tag);
  await seed(registry, 'shop/api', '2');
  await seed(registry, 'shop/api', '2-alpine');
  const images = ['shop/driver:1', 'shop/api:2'].map((name) => `${registry.host}/${name}`);
  const folder = await folderWith(t, { ...chartFiles(images), 'bundle.yaml': specYaml(registry.host) });
  const build = (...flags: string[]) => runCli(['build', 'bundle.yaml', '-o', 'shop.tar', ...flags], { folder });
  const failed = await build();
  assertFailed(failed, { error: 'REGISTRY_NOT_FOUND', says: ['begin with it: 1-rhel9.4, 1-ubuntu24.04'] });
  const line = /(images: \{ extra: \[)(.*?)(\] \})/.exec(failed.stderr);
  assert.ok(line !== null, failed.stderr);
  // A tag that is there and is completed besides travels as well.
  const more = `${line[1]}${line[2]}, "${registry.host}/shop/api:2-alpine"${line[3]}\n`;
  await writeFiles(folder, { 'bundle.yaml': specYaml(registry.host, more) });
  assert.match(assertDone(await build()), /3 images/);
  const bundle = await openBundle(join(folder, 'shop.tar'), { signal: t.signal });
  await bundle.close();
  assert.deepEqual(
    bundle.json.images.map(({ reference, class: found }) => `${reference.replace(registry.host, 'HOST')} ${found}`),
    ['HOST/shop/api:2 used', 'HOST/shop/api:2-alpine extra', 'HOST/shop/driver:1-rhel9.4 extra'],
  );
  const digest = await sha256Of(join(folder, 'shop.tar'));
  assertDone(await build('--locked'));
  assert.equal(await sha256Of(join(folder, 'shop.tar')), digest);
});

test('tags are listed page by page, of the registry that was asked', async (t) => {
  const pages: Readonly<Record<string, readonly [tags: readonly string[], link?: string]>> = {
    '?n=1000': [['1', '2'], '</v2/shop/api/tags/list?last=2&n=2>; rel="next"'],
    '?last=2&n=2': [['3', '4'], '<https://elsewhere.example.com/v2/other/tags/list?last=4>; rel="next"'],
    '?last=4': [['4', '5']],
  };
  const registry = await registryOf(t, { intercept: (request, response) => answer(request, response, pages) });
  const client = openRegistry({ host: registry.host, plainHttp: true });
  assert.deepEqual(await client.listTags('shop/api', { signal: t.signal }), ['1', '2', '3', '4', '5']);
  await client.close();
});

test('a registry whose pages have no end is left', async (t) => {
  const registry = await registryOf(t, {
    intercept: (request, response) => {
      const page = ['1', '</v2/shop/api/tags/list?n=1000>; rel=next'] as const;
      return answer(request, response, { '?n=1000': [[page[0]], page[1]] });
    },
  });
  const client = openRegistry({ host: registry.host, plainHttp: true });
  assert.deepEqual(await client.listTags('shop/api', { signal: t.signal }), ['1']);
  assert.equal(registry.requests.filter(({ url }) => url.includes('/tags/')).length, 20);
  await client.close();
});

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  pages: Readonly<Record<string, readonly [tags: readonly string[], link?: string]>>,
): boolean {
  const [, query = ''] = /^\/v2\/shop\/api\/tags\/list(.*)/.exec(request.url ?? '') ?? [];
  const page = pages[query];
  if (page === undefined) return false;
  const [tags, link] = page;
  sendReply(request, response, reply(200, link === undefined ? {} : { link }, JSON.stringify({ name: 'shop/api', tags })));
  return true;
}

const stems: readonly [stem: string, tag: string, completes: boolean][] = [
  ['595.71.07', '595.71.07-ubuntu24.04', true],
  ['1.2', '1.2.3', true],
  ['1.2', '1.20', false],
  ['1.2', '1.2', false],
  ['1.2', 'v1.2-x', false],
];
for (const [stem, tag, completes] of stems) {
  test(`${tag} ${completes ? 'completes' : 'does not complete'} ${stem}`, () => assert.equal(completesTag(stem, tag), completes));
}

test('placeholder tags are told from versions', () => {
  for (const tag of ['set-by-chartpress', 'dev', 'v0.0.0', '0.0.0-dev']) assert.ok(isPlaceholderTag(tag), tag);
  for (const tag of ['1.2.3', 'latest', 'v0.0.1', 'developer-1.2']) assert.ok(!isPlaceholderTag(tag), tag);
});
