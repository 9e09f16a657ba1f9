/** Keeps a world up until Ctrl-C, for a look around: `npm run world:up`. */
import { once } from 'node:events';
import { entering } from './namespaces.ts';
import { startWorld } from './world.ts';

const world = await startWorld();
const { init, folder, kubeconfig, tools } = world.state;
const shell = entering(init, folder).join(' ');
process.stdout.write(`world "${world.state.name}" is up in ${folder}; Ctrl-C ends it. To look around, as root:

  ${shell} env PATH=${tools.cluster}:$PATH KUBECONFIG=${kubeconfig} bash
  curl -u ${world.registryOutside.username}:${world.registryOutside.password} --cacert ${world.registryOutside.caFile} https://${world.registryOutside.host}/v2/_catalog

`);
const keepAlive = setInterval(() => {}, 60_000);
await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
clearInterval(keepAlive);
await world.stop();
