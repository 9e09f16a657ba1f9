/**
 * Lays out the build context of the installer image for both architectures in `.image/`. Usage: `npm run image`, then
 * the command it prints.
 */
import { run } from './command.ts';
import { checkout, layImageContext } from './image-context.ts';

await run([process.execPath, 'build/dist.ts'], { cwd: checkout });
await layImageContext(checkout, ['amd64', 'arm64']);
process.stdout.write(`.image/ is laid out. Now build with one of:
  docker buildx build --platform linux/amd64,linux/arm64 --tag diolkos .
  buildah bud --platform linux/amd64,linux/arm64 --manifest diolkos .
`);
