/** Global setup of `npm run test:world`: one world for the whole run. */
import { startWorld, type World, worldEnvironment } from './world.ts';

let world: World | undefined;

export async function globalSetup(): Promise<void> {
  const startedMs = Date.now();
  world = await startWorld();
  Object.assign(process.env, worldEnvironment(world));
  process.stderr.write(`world "${world.state.name}" is up after ${((Date.now() - startedMs) / 1000).toFixed(1)} s\n`);
}

export async function globalTeardown(): Promise<void> {
  await world?.stop();
}
