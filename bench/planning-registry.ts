/** A registry of made-up manifests, each answer as late as it is told. Usage: node bench/planning-registry.ts <images> <delay ms> */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HeldDocument } from '../images/descriptor.ts';
import { makeImage } from './planning-images.ts';

const [images = 0, delayMs = 0] = process.argv.slice(2).map(Number);
const documents = new Map<string, HeldDocument>();
for (let number = 0; number < images; number += 1) {
  const { index, platforms } = makeImage(number);
  documents.set(`/v2/image-${number}/manifests/1`, index);
  for (const held of platforms) documents.set(`/v2/image-${number}/manifests/${held.descriptor.digest}`, held);
}

let requests = 0;
let running = 0;
let most = 0;
const server = createServer(async (request, response) => {
  if (request.url === '/figures') return void response.end(JSON.stringify({ requests, most }));
  requests += 1;
  running += 1;
  most = Math.max(most, running);
  if (delayMs > 0) await sleep(delayMs);
  running -= 1;
  const found = documents.get(request.url ?? '');
  if (found === undefined) return void response.writeHead(404, { 'content-type': 'text/plain' }).end('404 page not found');
  const { mediaType, digest, size } = found.descriptor;
  response.writeHead(200, { 'content-type': mediaType, 'docker-content-digest': digest, 'content-length': size });
  response.end(request.method === 'HEAD' ? undefined : found.bytes);
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`));
