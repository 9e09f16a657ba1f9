import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { worldsWithCgroups } from './cgroups.ts';
import { isAlive } from './liveness.ts';
import { readState, stateFile } from './state.ts';
import { connectWorld, startWorld } from './world.ts';

const name = 'crash';

test('a world can be started after its starter was killed midway', async () => {
  const starter = await startElsewhere();
  await sleep(1500);
  await kill(starter);
  await assertStarts();
});

test('a world can be started after its starter was killed with the world up, and nothing of it lives on', async () => {
  const starter = await startElsewhere();
  const state = await waitForState();
  await kill(starter);
  while (await isAlive(state.init)) await sleep(50);
  await assertStarts();
});

test('a world that is in use is left alone', async () => {
  const world = await connectWorld();
  const second = await startElsewhere(world.state.name);
  const [code] = await once(second, 'exit');
  assert.equal(code, 1);
  assert.equal((await world.kubectl(['get', 'nodes'])).code, 0);
});

test('a world that stopped leaves no process, cgroup, mount or file', async () => {
  const world = await startWorld({ name });
  const { folder, init } = world.state;
  await world.stop();
  assert.equal(await isAlive(init), false);
  assert.equal((await worldsWithCgroups()).includes(name), false);
  assert.doesNotMatch(await readFile('/proc/self/mountinfo', 'utf8'), new RegExp(folder));
  assert.equal(await readState(stateFile(name)), undefined);
});

async function assertStarts(): Promise<void> {
  const world = await startWorld({ name });
  try {
    const { stdout } = await world.kubectl(['get', 'nodes']);
    assert.match(stdout, /node-1 +Ready/);
  } finally {
    await world.stop();
  }
}

async function startElsewhere(world = name): Promise<ReturnType<typeof spawn>> {
  const env = { ...process.env, DIOLKOS_WORLD: world };
  return spawn(process.execPath, [join(import.meta.dirname, 'up.ts')], { env, stdio: 'ignore' });
}

async function kill(starter: ReturnType<typeof spawn>): Promise<void> {
  starter.kill('SIGKILL');
  await once(starter, 'exit');
}

async function waitForState(): Promise<NonNullable<Awaited<ReturnType<typeof readState>>>> {
  for (;;) {
    const state = await readState(stateFile(name));
    if (state !== undefined) return state;
    await sleep(50);
  }
}
