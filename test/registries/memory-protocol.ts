import type { IncomingMessage } from 'node:http';
import { ociIndexType } from '../../images/media-types.ts';
import { type MemoryStore, sha256, type Upload } from './memory-store.ts';
import { bodyOf, complaint, type Reply, reply } from './reply.ts';

/** The distribution spec, as far as our client and its peers need it. */
export async function answerTo(store: MemoryStore, request: IncomingMessage, url: URL): Promise<Reply> {
  const [, name = '', noun = '', rest = ''] =
    /^\/v2\/(.+?)\/(blobs\/uploads|blobs|manifests|tags|referrers)\/(.*)$/.exec(url.pathname) ?? [];
  if (noun === 'blobs/uploads') return upload(store, request, { name, id: rest, url });
  if (noun === 'blobs') return blob(store, request, name, rest);
  if (noun === 'manifests' && request.method === 'DELETE') return deleteManifest(store, name, rest);
  if (noun === 'manifests')
    return request.method === 'PUT' ? putManifest(store, request, name, rest) : manifest(store, name, rest);
  if (noun === 'referrers' && store.referrersPage > 0) return referrers(store, name, rest, url);
  if (noun === 'tags') return tags(store, name);
  return url.pathname === '/v2/' ? reply(200, {}, '{}') : complaint(404, 'UNSUPPORTED', 'there is nothing here');
}

function blob(store: MemoryStore, request: IncomingMessage, name: string, digest: string): Reply {
  const bytes = store.blob(name, digest);
  if (bytes === undefined) return complaint(404, 'BLOB_UNKNOWN', 'blob unknown to registry');
  const headers = { 'content-type': 'application/octet-stream', 'docker-content-digest': digest };
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  if (from === 0) return reply(200, headers, bytes);
  if (from >= bytes.length) return complaint(416, 'RANGE_INVALID', 'out of range');
  const range = `bytes ${from}-${bytes.length - 1}/${bytes.length}`;
  return reply(206, { ...headers, 'content-range': range }, bytes.subarray(from));
}

function manifest(store: MemoryStore, name: string, reference: string): Reply {
  const found = store.manifest(name, reference);
  if (found !== undefined)
    return reply(200, { 'content-type': found.mediaType, 'docker-content-digest': found.digest }, found.bytes);
  return store.repositories.has(name)
    ? complaint(404, 'MANIFEST_UNKNOWN', 'manifest unknown')
    : complaint(404, 'NAME_UNKNOWN', 'repository name not known to registry');
}

async function putManifest(store: MemoryStore, request: IncomingMessage, name: string, reference: string): Promise<Reply> {
  const bytes = await bodyOf(request);
  const digest = sha256(bytes);
  if (reference.includes(':') && reference !== digest) return complaint(400, 'DIGEST_INVALID', `the bytes are ${digest}`);
  const absent = absentFrom(store, name, bytes);
  if (absent !== undefined) return complaint(400, 'MANIFEST_BLOB_UNKNOWN', `blob unknown to registry: ${absent}`);
  store.putManifest(name, reference, { mediaType: request.headers['content-type'] ?? '', bytes });
  const { subject }: { subject?: Named } = JSON.parse(bytes.toString());
  const about = subject !== undefined && store.referrersPage > 0 ? { 'oci-subject': subject.digest } : {};
  return reply(201, { location: `/v2/${name}/manifests/${digest}`, 'docker-content-digest': digest, ...about });
}

function deleteManifest(store: MemoryStore, name: string, digest: string): Reply {
  const { manifests, tags } = store.repository(name);
  for (const [tag, named] of tags) if (named === digest) tags.delete(tag);
  return manifests.delete(digest) ? reply(202) : complaint(404, 'MANIFEST_UNKNOWN', 'manifest unknown');
}

/** The referrers API of the distribution spec, so many to a page. */
function referrers(store: MemoryStore, name: string, subject: string, url: URL): Reply {
  const found = [...store.repository(name).manifests].flatMap(([digest, { mediaType, bytes }]) => {
    const json: Record<string, unknown> & { subject?: Named; config?: { mediaType: string } } = JSON.parse(bytes.toString());
    if (json.subject?.digest !== subject) return [];
    const { artifactType = json.config?.mediaType, annotations } = json;
    return [{ mediaType, digest, size: bytes.length, artifactType, annotations }];
  });
  const from = Number(url.searchParams.get('from') ?? 0);
  const next = from + store.referrersPage;
  const more = next < found.length ? { link: `</v2/${name}/referrers/${subject}?from=${next}>; rel="next"` } : {};
  const index = { schemaVersion: 2, mediaType: ociIndexType, manifests: found.slice(from, next) };
  return reply(200, { 'content-type': ociIndexType, ...more }, JSON.stringify(index));
}

interface Named {
  readonly digest: string;
  readonly urls?: readonly string[];
}

function absentFrom(store: MemoryStore, name: string, bytes: Buffer): string | undefined {
  const {
    config,
    layers = [],
    manifests = [],
  }: { config?: Named; layers?: Named[]; manifests?: Named[] } = JSON.parse(bytes.toString());
  const blobs = [config ?? [], layers].flat().filter(({ urls }) => urls === undefined);
  const missing = blobs.find(({ digest }) => store.blob(name, digest) === undefined);
  if (store.sparse && missing === undefined) return undefined;
  return (missing ?? manifests.find(({ digest }) => store.manifest(name, digest) === undefined))?.digest;
}

interface At {
  readonly name: string;
  readonly id: string;
  readonly url: URL;
}

async function upload(store: MemoryStore, request: IncomingMessage, at: At): Promise<Reply> {
  if (request.method === 'POST') return beginUpload(store, at);
  const { uploads } = store.repository(at.name);
  const found = uploads.get(at.id);
  if (found === undefined || at.url.searchParams.get('step') !== String(found.step)) {
    return complaint(404, 'BLOB_UPLOAD_UNKNOWN', 'blob upload unknown to registry');
  }
  if (request.method === 'GET') return reply(204, progress(at, found));
  if (request.method === 'DELETE') uploads.delete(at.id);
  if (request.method === 'DELETE') return reply(204);
  found.step += 1;
  found.chunks.push(await bodyOf(request));
  if (request.method === 'PATCH') return reply(202, progress(at, found));
  uploads.delete(at.id);
  return finishUpload(store, at, Buffer.concat(found.chunks));
}

function beginUpload(store: MemoryStore, { name, url }: At): Reply {
  const [mount, from] = [url.searchParams.get('mount'), url.searchParams.get('from')];
  const mountable = mount === null || from === null ? undefined : store.blob(from, mount);
  if (mountable !== undefined) return stored(name, store.putBlob(name, mountable));
  return reply(202, { location: `/v2/${name}/blobs/uploads/${store.openUpload(name)}?step=0`, range: '0-0' });
}

function finishUpload(store: MemoryStore, { name, url }: At, bytes: Buffer): Reply {
  const digest = sha256(bytes);
  if (url.searchParams.get('digest') !== digest) return complaint(400, 'DIGEST_INVALID', `the bytes are ${digest}`);
  return stored(name, store.putBlob(name, bytes));
}

function stored(name: string, digest: string): Reply {
  return reply(201, { location: `/v2/${name}/blobs/${digest}`, 'docker-content-digest': digest });
}

function progress({ name, id }: At, { chunks, step }: Upload): Record<string, string> {
  const size = chunks.reduce((total, chunk) => total + chunk.length, 0);
  return { location: `/v2/${name}/blobs/uploads/${id}?step=${step}`, range: `0-${Math.max(0, size - 1)}` };
}

function tags(store: MemoryStore, name: string): Reply {
  const known = store.repositories.get(name)?.tags;
  if (known === undefined) return complaint(404, 'NAME_UNKNOWN', 'repository name not known to registry');
  return reply(200, { 'content-type': 'application/json' }, JSON.stringify({ name, tags: [...known.keys()].sort() }));
}
