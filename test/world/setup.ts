/**
 * Global setup of `npm run test:world`: one world for the whole run. `DIOLKOS_WORLD_LOGS` names a folder to keep the logs
 * of its programs in.
 */
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { startWorld, type World, worldEnvironment } from './world.ts';

let world: World | undefined;

export async function globalSetup(): Promise<void> {
  const startedMs = Date.now();
  world = await startWorld();
  Object.assign(process.env, worldEnvironment(world));
  process.stderr.write(`world "${world.state.name}" is up after ${((Date.now() - startedMs) / 1000).toFixed(1)} s\n`);
}

export async function globalTeardown(): Promise<void> {
  if (world === undefined) return;
  const kept = process.env.DIOLKOS_WORLD_LOGS;
  if (kept) await cp(join(world.state.folder, 'log'), kept, { recursive: true });
  await world.stop();
}
