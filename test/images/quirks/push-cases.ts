import assert from 'node:assert/strict';
import { startMemoryRegistry } from '../../registries/memory-registry.ts';
import * as locations from '../../registries/quirks/locations.ts';
import { silent } from '../../registries/quirks/pulls.ts';
import { type Quirk, together } from '../../registries/quirks/quirk.ts';
import * as uploads from '../../registries/quirks/uploads.ts';
import { complaint, reply } from '../../registries/reply.ts';
import { held, noise } from '../../registries/sample-images.ts';
import { pushBytes } from '../blob-calls.ts';
import { seedBlob } from '../memory-client.ts';
import { blob, methods, pushed, type QuirkCase, refused } from './quirk-case.ts';

const by = (make: () => Quirk) => () => ({ intercept: make() });

/** A mount from a repository that has the blob. */
const mounting =
  (outcome: string, wire: readonly string[]): QuirkCase['work'] =>
  async ({ registry, memory, wire: seen }, t) => {
    seedBlob(memory, 'from', blob);
    assert.equal(await pushBytes(registry, 'a', blob, { signal: t.signal, mountFrom: 'from' }), outcome);
    assert.deepEqual(methods(seen()), wire);
  };

/** The blob goes up, and to the repository after it as quickly as the way that was found allows. */
const learnt =
  (first: readonly string[], second: readonly string[]): QuirkCase['work'] =>
  async (client, t) => {
    await pushed(first)(client, t);
    assert.equal(await pushBytes(client.registry, 'b', blob, t), 'pushed');
    assert.deepEqual(methods(client.wire()).slice(first.length), second);
  };

const big = held('application/octet-stream', noise('a large one', (9 << 20) + 1));

const oneGo = ['HEAD', 'POST', 'PUT'];

const locationCases: QuirkCase[] = (
  [
    ['relative', locations.relativeLocation],
    ['absolute', locations.absoluteLocation],
    ['without the port', locations.portlessLocation],
    ['signed, with + and %2B in it', locations.signedLocation],
  ] as const
).map(([name, quirk]) => ({ name: `a Location is ${name}`, registry: by(quirk), work: pushed(oneGo) }));

export const pushQuirks: readonly QuirkCase[] = [
  ...locationCases,
  {
    name: 'a Location is http behind a proxy that speaks TLS',
    registry: () => ({ tls: true, intercept: locations.httpLocation() }),
    work: pushed(oneGo),
  },
  {
    name: 'GCR: a Location is good for one request, and the next answer has another',
    registry: by(() => uploads.noMonolithicPut()),
    work: pushed(['HEAD', 'POST', 'PUT', 'POST', 'PATCH', 'PUT']), // the store of the tests refuses a Location that was used
  },
  {
    name: 'a Location on another port and host brings none of our credentials there',
    registry: async (t) => {
      const other = await startMemoryRegistry({ intercept: locations.refusingAuthorization() });
      t.after(() => other.stop());
      const user = { username: 'u', password: 'p' };
      return { user, intercept: locations.elsewhereUpload(other) };
    },
    work: async ({ registry }, t) => assert.equal(await pushBytes(registry, 'a', blob, t), 'pushed'),
  },
  {
    name: 'a mount is answered by 201',
    registry: by(() => uploads.mountAnswers(reply(201))),
    work: mounting('mounted', ['HEAD', 'POST']),
  },
  {
    name: 'ECR: a mount is answered by 202, a session that is used',
    registry: by(() => uploads.mountBegins()),
    work: mounting('pushed', ['HEAD', 'POST', 'PUT']),
  },
  {
    name: 'Docker Hub: a mount is answered by 400',
    registry: by(() => uploads.mountAnswers(complaint(400, 'NAME_INVALID', 'invalid repository name'))),
    work: mounting('pushed', ['HEAD', 'POST', 'POST', 'PUT']),
  },
  {
    name: 'a mount is answered by 401, for the token is not good for the other repository',
    registry: by(() => uploads.mountAnswers(complaint(401, 'UNAUTHORIZED', 'authentication required'))),
    work: async (client, t) => {
      seedBlob(client.memory, 'from', blob);
      assert.equal(await pushBytes(client.registry, 'a', blob, { signal: t.signal, mountFrom: 'from' }), 'pushed');
    },
  },
  {
    name: 'GCR: a mount looks for the digest alone, in all repositories',
    registry: by(uploads.mountsByDigest),
    work: async ({ registry, memory, wire }, t) => {
      seedBlob(memory, 'somewhere', blob);
      assert.equal(await pushBytes(registry, 'a', blob, { signal: t.signal, mountFrom: 'gone' }), 'mounted');
      assert.deepEqual(methods(wire()), ['HEAD', 'POST']);
    },
  },
  {
    name: 'ACR: a replica denies a blob that is there; it is sent once more, and taken',
    registry: by(() => uploads.hides(1)),
    work: async (client, t) => {
      seedBlob(client.memory, 'a', blob);
      await pushed(oneGo)(client, t);
    },
  },
  {
    name: 'through a port-forward: a session that is never begun is asked for again',
    registry: () => ({ intercept: silent(/uploads/, 1), client: { timeouts: { headersMs: 200 } } }),
    work: pushed(['HEAD', 'POST', 'POST', 'PUT']),
  },
  {
    name: 'Quay: a mount is answered by 405',
    registry: by(() => uploads.mountAnswers(complaint(405, 'UNSUPPORTED', ''))),
    work: mounting('pushed', ['HEAD', 'POST', 'POST', 'PUT']),
  },
  {
    name: 'ECR: PATCH is answered by 201, and all chunks after the first are dropped: there is one PUT, or one PATCH',
    registry: by(() => uploads.deafAfterFirstChunk()),
    work: pushed(oneGo),
  },
  {
    name: 'ECR behind a server that takes no PUT: one PATCH has everything',
    registry: by(() => together(uploads.noMonolithicPut(), uploads.deafAfterFirstChunk())),
    work: pushed(['HEAD', 'POST', 'PUT', 'POST', 'PATCH', 'PUT']),
  },
  {
    name: 'Artifactory: a PUT is answered by 404 BLOB_UNKNOWN, a PATCH works, and this is remembered',
    registry: by(() => uploads.noMonolithicPut()),
    work: learnt(['HEAD', 'POST', 'PUT', 'POST', 'PATCH', 'PUT'], ['HEAD', 'POST', 'PATCH', 'PUT']),
  },
  {
    name: 'Nexus: a PUT is answered by 400, a PATCH works',
    registry: by(() => uploads.noMonolithicPut(complaint(400, 'UNKNOWN', 'blob upload invalid'))),
    work: pushed(['HEAD', 'POST', 'PUT', 'POST', 'PATCH', 'PUT']),
  },
  {
    name: 'GAR and ECR: no chunk is ever sent where none is needed',
    registry: by(() => together(uploads.noMonolithicPut(), uploads.noChunks())),
    work: pushed(['HEAD', 'POST', 'PUT', 'POST', 'PATCH', 'PUT']),
  },
  {
    name: 'distribution 2.8: an upload breaks, its session is lost, another one is begun',
    registry: by(() => uploads.losesSession(2)),
    work: pushed(),
  },
  {
    name: 'replicas that do not share their secret deny the session of the other',
    registry: by(() => uploads.replicas(3)),
    work: pushed(),
  },
  {
    name: 'GHCR: a commit says "unknown blob" and is right the next time',
    registry: by(() => uploads.unluckyCommit()),
    work: pushed(),
  },
  {
    name: 'a commit that is never answered happened all the same, and is found by asking',
    registry: by(() => uploads.commitUnanswered()),
    work: pushed(['HEAD', 'POST', 'PUT', 'HEAD']),
  },
  {
    name: 'a commit takes longer than any silence that is borne elsewhere',
    registry: () => ({ intercept: uploads.slowCommit(400), client: { timeouts: { stallMs: 100 } } }),
    work: pushed(oneGo),
  },
  {
    name: 'a registry wants a Content-Length with every body, and has it',
    registry: by(() => uploads.lengthRequired()),
    work: pushed(oneGo),
  },
  { name: 'a PUT is answered by 204', registry: by(() => uploads.otherSuccess(202, 204)), work: pushed(oneGo) },
  {
    name: 'GCR: a PATCH is answered by 204',
    registry: by(() => together(uploads.noMonolithicPut(), uploads.otherSuccess(204, 201))),
    work: pushed(['HEAD', 'POST', 'PUT', 'POST', 'PATCH', 'PUT']),
  },
  {
    name: 'Gitea: an upload that has no bytes yet has the Range 0--1',
    registry: by(() => uploads.emptyRange()),
    work: pushed(oneGo),
  },
  {
    name: 'ECR: a repository that does not exist is NAME_UNKNOWN at the POST, and is to be created',
    registry: by(() => uploads.noUploads(complaint(404, 'NAME_UNKNOWN', 'The repository with name a does not exist'))),
    work: refused({ code: 'REGISTRY_NOT_FOUND', message: /does not exist/, hint: /create a/ }),
  },
  {
    name: 'Harbor: a project that does not exist is 403, in its own words',
    registry: by(() => uploads.noUploads(complaint(403, 'DENIED', 'project a not found: project a not found'))),
    work: refused({ code: 'REGISTRY_DENIED', message: /project a not found/ }),
  },
  {
    name: 'Harbor: a project that is a proxy cache refuses every push, and is named for what it is',
    registry: by(() => uploads.noUploads(complaint(403, 'DENIED', 'can not push artifact to a proxy project: hub'))),
    work: refused({
      code: 'REGISTRY_DENIED',
      message: /to a proxy project: hub/,
      hint: /^the project is a proxy cache.*another/,
    }),
  },
  {
    name: 'Harbor before 2.2: so does it by 405',
    registry: by(() => uploads.noUploads(complaint(405, 'METHOD_NOT_ALLOWED', 'can not push artifact to a proxy project: hub'))),
    work: refused({ code: 'REGISTRY_FAILED', message: /to a proxy project: hub/, hint: /pull-through cache/ }),
  },
  {
    name: 'GitLab: a path that does not exist is denied',
    registry: by(() => uploads.noUploads(complaint(403, 'DENIED', 'requested access to the resource is denied'))),
    work: refused({ code: 'REGISTRY_DENIED', message: /requested access/ }),
  },
  {
    name: 'a pull-through proxy answers every push by 405, and is named for what it is',
    registry: by(() => uploads.noUploads(complaint(405, 'UNSUPPORTED', 'The operation is unsupported.'))),
    work: refused({ code: 'REGISTRY_FAILED', hint: /read-only/ }),
  },
  {
    name: 'bytes that are damaged on their way are told from a bundle that is',
    registry: by(() => uploads.damagedOnTheWay()),
    work: refused({ code: 'DIGEST_MISMATCH', message: /other bytes/ }),
  },
  {
    name: 'HEAD of a blob is forbidden, and the blob is sent',
    registry: by(() => (request, response) => {
      const isHead = request.method === 'HEAD';
      if (isHead) response.writeHead(403).end();
      return isHead;
    }),
    work: pushed(oneGo),
  },
  {
    name: 'replicas that never share their secret are named as the cause',
    registry: by(() => uploads.replicas(99)),
    work: refused({ code: 'REGISTRY_FAILED', hint: /replicas|secret/ }),
  },
  {
    name: 'bytes that were damaged on their way are sent once more',
    registry: by(() => uploads.damagedOnTheWay(1)),
    work: pushed(),
  },
  {
    name: 'nginx: 413 and a reset while the body is sent; from then on in chunks that it takes',
    registry: by(() => uploads.bodyLimit(1 << 20)),
    work: inChunks(1 << 20),
  },
  {
    name: 'nginx before a registry that takes chunks in order only',
    registry: by(() => together(uploads.bodyLimit(4 << 20), uploads.strictChunks())),
    work: inChunks(4 << 20),
  },
  {
    name: 'GHCR: a chunk may have 4 MiB, a whole blob what it likes',
    registry: by(() => together(uploads.bodyLimit(8 << 20), uploads.chunkLimit(4 << 20))),
    work: inChunks(4 << 20),
  },
  {
    name: 'a proxy takes nothing at all: its limit is named, and the setting that raises it',
    registry: by(() => uploads.bodyLimit(10_000)),
    work: refused({ code: 'REGISTRY_FAILED', message: /413/, hint: /client_max_body_size/ }),
  },
  {
    name: 'ECR behind a proxy with a limit: chunks that get lost end in an error, never in half a blob',
    registry: by(() => together(uploads.bodyLimit(1 << 20), uploads.deafAfterFirstChunk())),
    work: async ({ registry, memory }, t) => {
      await assert.rejects(pushBytes(registry, 'a', big, t), { code: /REGISTRY_FAILED|DIGEST_MISMATCH/ });
      assert.equal(memory.store.blob('a', big.descriptor.digest), undefined);
    },
  },
  {
    name: 'distribution 2.8 behind a proxy with a limit: the session is lost between two chunks, and the blob begins anew',
    registry: by(() => together(uploads.bodyLimit(4 << 20), uploads.losesSession(1, /step=1/))),
    work: inChunks(4 << 20),
  },
];

/** The large blob arrives whole, in pieces of no more than `most` bytes, one behind the other; the next one without a try. */
function inChunks(most: number): QuirkCase['work'] {
  return async ({ registry, memory }, t) => {
    assert.equal(await pushBytes(registry, 'a', big, t), 'pushed');
    assert.ok(memory.store.blob('a', big.descriptor.digest)?.equals(big.bytes));
    const patches = memory.requests.filter(({ method }) => method === 'PATCH');
    assert.ok(patches.length >= big.bytes.length / most);
    const before = memory.requests.length;
    assert.equal(await pushBytes(registry, 'b', big, t), 'pushed');
    for (const { method, headers } of memory.requests.slice(before)) {
      assert.ok(Number(headers['content-length'] ?? 0) <= most, `${method} of ${headers['content-length']} bytes`);
    }
  };
}
