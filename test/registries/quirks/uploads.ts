import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { sha256 } from '../memory-store.ts';
import { bodyOf, complaint, type Reply, reply } from '../reply.ts';
import { type Act, changingHeaders, pass, type Quirk, when } from './quirk.ts';

const uploads = /\/blobs\/uploads\//;
const mounts = /\/blobs\/uploads\/\?.*mount=/;

/** Answers a mount so, and lets an upload without one begin. */
export const mountAnswers = (answer: Reply): Quirk => when('POST', mounts, () => answer);

/** A mount begins a session instead (ECR, for what no manifest names yet). */
export function mountBegins(): Quirk {
  return when('POST', mounts, ({ url = '' }, _response, { store }) => {
    const name = /^\/v2\/(.+)\/blobs\/uploads/.exec(url)?.[1] ?? '';
    return reply(202, { location: `/v2/${name}/blobs/uploads/${store.openUpload(name)}?step=0` });
  });
}

/** Mounts whatever it has anywhere: no `from`, or a wrong one, is as good (GCR and others look for the digest alone). */
export function mountsByDigest(): Quirk {
  return when('POST', mounts, ({ url = '' }, _response, { store }) => {
    const bytes = store.blobs.get(new URL(url, 'http://x').searchParams.get('mount') ?? '');
    const name = /^\/v2\/(.+)\/blobs\/uploads/.exec(url)?.[1] ?? '';
    return bytes === undefined ? pass : reply(201, { location: `/v2/${name}/blobs/${store.putBlob(name, bytes)}` });
  });
}

/** PATCH is answered by 201, and what comes after the first one is dropped: its Range stays where it was (ECR). */
export function deafAfterFirstChunk(): Quirk {
  const ends = new Map<string, number>();
  const idOf = ({ url = '' }: IncomingMessage) => /uploads\/([^?]+)/.exec(url)?.[1] ?? '';
  const chunk: Act = async (request, _response, { store }) => {
    const [id, body] = [idOf(request), await bodyOf(request)];
    const name = /^\/v2\/(.+)\/blobs\/uploads/.exec(request.url ?? '')?.[1] ?? '';
    const session = store.repository(name).uploads.get(id);
    if (session === undefined) return complaint(404, 'BLOB_UPLOAD_UNKNOWN', 'blob upload unknown');
    if (!ends.has(id)) session.chunks.push(body);
    ends.set(id, ends.get(id) ?? body.length - 1);
    session.step += 1;
    return reply(201, { location: `/v2/${name}/blobs/uploads/${id}?step=${session.step}`, range: `0-${ends.get(id)}` });
  };
  return when('PATCH', uploads, chunk);
}

/** A PUT with a body is no way to bring a blob: 404 BLOB_UNKNOWN, the session stays (older Artifactory). */
export function noMonolithicPut(answer: Reply = complaint(404, 'BLOB_UNKNOWN', 'blob unknown to registry')): Quirk {
  return when('PUT', uploads, ({ headers }) => (headers['content-length'] === '0' ? pass : answer));
}

/** Refuses a larger body at its header, by 413 and a reset, before it has been read (nginx: 1 MiB, Cloudflare: 100 MB). */
export function bodyLimit(bytes: number): Quirk {
  return when('PUT|PATCH', uploads, (request, response) => {
    if (Number(request.headers['content-length'] ?? 0) <= bytes) return pass;
    response.writeHead(413, { connection: 'close', 'content-type': 'text/html' });
    response.end('<html><title>413 Request Entity Too Large</title></html>', () =>
      setTimeout(() => request.socket.resetAndDestroy(), 10),
    );
    return undefined;
  });
}

/** A chunk with a Content-Range may have so many bytes; a whole blob in one PUT or PATCH as many as it likes (GHCR: 4 MiB). */
export function chunkLimit(bytes: number): Quirk {
  return when('PATCH', uploads, async (request) => {
    if (request.headers['content-range'] === undefined || Number(request.headers['content-length']) <= bytes) return pass;
    await bodyOf(request);
    return complaint(416, 'UNKNOWN', `chunk size exceeds the maximum of ${(bytes / 2 ** 20).toFixed(2)}MiB`);
  });
}

/** Knows no chunks at all: a Content-Range is an error (Google's Artifact Registry). */
export function noChunks(): Quirk {
  return when('PATCH', uploads, async (request) => {
    if (request.headers['content-range'] === undefined) return pass;
    await bodyOf(request);
    return complaint(400, 'UNSUPPORTED', 'chunked upload is not supported');
  });
}

/** Takes chunks in their order only, and tells where it is when one is out of it (distribution 3, by the specification). */
export function strictChunks(): Quirk {
  return when('PATCH', uploads, async (request, _response, { store }) => {
    const [, name = '', id = ''] = /^\/v2\/(.+)\/blobs\/uploads\/([^?]+)/.exec(request.url ?? '') ?? [];
    const held =
      store
        .repository(name)
        .uploads.get(id)
        ?.chunks.reduce((size, chunk) => size + chunk.length, 0) ?? 0;
    const [, from, to] = /^(\d+)-(\d+)$/.exec(request.headers['content-range'] ?? '') ?? [];
    if (from === undefined) return held === 0 ? pass : complaint(416, 'BLOB_UPLOAD_INVALID', 'a range is needed');
    const fits = Number(from) === held && Number(to) - held + 1 === Number(request.headers['content-length']);
    if (fits) return pass;
    await bodyOf(request);
    const step = store.repository(name).uploads.get(id)?.step ?? 0;
    const location = `/v2/${name}/blobs/uploads/${id}?step=${step}`;
    return reply(416, { location, range: `0-${Math.max(0, held - 1)}` });
  });
}

/** Breaks an upload in the middle and has then forgotten its session (distribution 2.8, after any broken request). */
export function losesSession(times: number, path = uploads): Quirk {
  return when(
    'PUT|PATCH',
    path,
    (request, _response, { store }) => {
      const [, name = '', id = ''] = /^\/v2\/(.+)\/blobs\/uploads\/([^?]+)/.exec(request.url ?? '') ?? [];
      request.once('data', () => request.destroy());
      store.repository(name).uploads.delete(id);
      return undefined;
    },
    times,
  );
}

/** Sessions are known to the replica alone that began them, and every other request meets the other one. */
export function replicas(times: number, code = 'BLOB_UPLOAD_INVALID'): Quirk {
  return when(
    'PUT|PATCH',
    uploads,
    async (request) => {
      await bodyOf(request);
      return complaint(404, code, 'blob upload invalid');
    },
    times,
  );
}

/** The commit takes so long. */
export function slowCommit(ms: number): Quirk {
  return when('PUT', uploads, async () => {
    await sleep(ms);
    return pass;
  });
}

/** The blob arrives, and the connection dies before the answer. */
export function commitUnanswered(times = 1): Quirk {
  return when(
    'PUT',
    uploads,
    async (request, response, { store }) => {
      const name = /^\/v2\/(.+)\/blobs\/uploads/.exec(request.url ?? '')?.[1] ?? '';
      store.putBlob(name, await bodyOf(request));
      response.destroy();
      return undefined;
    },
    times,
  );
}

/** An unlucky commit: "unknown blob", and the next time it works (GHCR). */
export function unluckyCommit(times = 1): Quirk {
  return when(
    'PUT',
    uploads,
    async (request) => {
      await bodyOf(request);
      return complaint(404, 'BLOB_UNKNOWN', 'unknown blob');
    },
    times,
  );
}

/** Wants a Content-Length with every body. */
export function lengthRequired(): Quirk {
  return when('PUT|PATCH', /^\/v2\//, ({ headers }) => (headers['content-length'] === undefined ? reply(411) : pass));
}

/** Another status for what a PATCH or a PUT got done, and the bytes of a Range header as Gitea had them (`0--1`). */
export function otherSuccess(patched: number, put: number, range?: string): Quirk {
  return when('PATCH|PUT', uploads, (_request, response) => {
    const writeHead = response.writeHead.bind(response);
    const changed = (status: number, headers: Record<string, string>) => {
      const told = range === undefined || headers.range === undefined ? headers : { ...headers, range };
      return writeHead({ 202: patched, 201: put }[status] ?? status, told);
    };
    Object.assign(response, { writeHead: changed });
    return pass;
  });
}

/** The Range of an answer as Gitea writes it for what has no bytes yet. */
export const emptyRange = (): Quirk =>
  changingHeaders('POST', uploads, (headers) => ({ ...headers, ...(headers.range === undefined ? {} : { range: '0--1' }) }));

/** Refuses to begin an upload. */
export const noUploads = (answer: Reply): Quirk => when('POST', uploads, () => answer);

/** A blob that is in the store and that the registry denies to have, so many times (replicas that lag). */
export function hides(times: number): Quirk {
  return when('HEAD', /\/blobs\/sha256/, () => reply(404), times);
}

/** Bytes that are damaged on their way into the registry: its digest is another. */
export function damagedOnTheWay(times?: number): Quirk {
  const act: Act = async (request) => {
    const bytes = await bodyOf(request);
    if (bytes.length > 0) bytes[0] = (bytes[0] ?? 0) ^ 1;
    return complaint(400, 'DIGEST_INVALID', `provided digest did not match uploaded content: ${sha256(bytes)}`);
  };
  return when('PUT', uploads, act, times);
}

/** Takes its time with the first uploads, so that a token ends under them. */
export function slowUpload(ms: number, times: number): Quirk {
  let left = times;
  return when('PUT', uploads, async () => {
    if (left-- > 0) await sleep(ms);
    return pass;
  });
}

/** A PATCH must say where its bytes belong. */
export function noMonolithicPatch(answer: Reply = reply(405)): Quirk {
  return when('PATCH', uploads, ({ headers }) => (headers['content-range'] === undefined ? answer : pass));
}

/** Connections die under a body after so many of its bytes. `keeps`: those are not lost (distribution 3); else the whole body is. */
export function cutsUploads(afterBytes: number, times: number, { keeps }: { readonly keeps: boolean }): Quirk {
  return when(
    'PUT|PATCH',
    uploads,
    async (request, _response, { store }) => {
      if (Number(request.headers['content-length'] ?? 0) <= afterBytes) return pass;
      const [, name = '', id = ''] = /^\/v2\/(.+)\/blobs\/uploads\/([^?]+)/.exec(request.url ?? '') ?? [];
      const arrived: Buffer[] = [];
      let size = 0;
      await new Promise<void>((resolve) => {
        request.on('data', (chunk: Buffer) => {
          arrived.push(chunk.subarray(0, Math.max(0, afterBytes - size)));
          size += chunk.length;
          if (size >= afterBytes) resolve();
        });
      });
      if (keeps) store.repository(name).uploads.get(id)?.chunks.push(Buffer.concat(arrived));
      request.socket.destroy();
      return undefined;
    },
    times,
  );
}

/** Says with each session how small a chunk may be at least. */
export const chunkMinimum = (bytes: number): Quirk =>
  changingHeaders('POST', uploads, (headers) => ({ ...headers, 'oci-chunk-min-length': String(bytes) }));

/** A proxy has no patience for a commit that goes on behind it, and ends so much later. */
export function impatientProxy(ms: number): Quirk {
  return when('PUT', uploads, async (request, _response, { store }) => {
    const name = /^\/v2\/(.+)\/blobs\/uploads/.exec(request.url ?? '')?.[1] ?? '';
    const bytes = await bodyOf(request);
    setTimeout(() => store.putBlob(name, bytes), ms);
    return reply(504, {}, '<html><title>504 Gateway Time-out</title></html>');
  });
}
