import assert from 'node:assert/strict';
import { test } from 'node:test';
import { busyboxImage } from './images.ts';
import { connectWorld } from './world.ts';

const world = await connectWorld();

for (const side of ['inside', 'outside'] as const) {
  test(`the registry ${side} keeps what is pushed, asks for credentials and logs who came`, async () => {
    const reference = await world.pushImage(side, await busyboxImage(), `kept/${side}:1`);
    assert.ok((await world.catalog(side)).includes(`kept/${side}`));
    const stranger = await world.crane(side, ['digest', reference], {
      env: { SSL_CERT_FILE: access(side).caFile, HOME: '/nonexistent' },
    });
    assert.notEqual(stranger.code, 0);
    assert.match(stranger.stderr, /UNAUTHORIZED/);
    assert.match(await world.registryLog(side), new RegExp(`PUT /v2/kept/${side}/manifests/1`));
  });
}

function access(side: 'inside' | 'outside'): { caFile: string } {
  return side === 'inside' ? world.registryInside : world.registryOutside;
}
