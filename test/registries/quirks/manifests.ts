import type { MemoryRegistry } from '../memory-registry.ts';
import { bodyOf, complaint, type Reply, reply } from '../reply.ts';
import { changingHeaders, pass, type Quirk, when } from './quirk.ts';

const manifests = /\/manifests\//;

/** HEAD of a manifest is answered so, whatever there is. */
export const headAnswers = (answer: Reply, times?: number): Quirk => when('HEAD', manifests, () => answer, times);

/** Leaves headers out of every answer about a manifest. */
export function withoutHeaders(...names: readonly string[]): Quirk {
  return changingHeaders('HEAD|GET', manifests, (headers) =>
    Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name))),
  );
}

/** Gives these bytes for every manifest. */
export const servesInstead = (bytes: Buffer | string, headers: Readonly<Record<string, string>> = {}): Quirk =>
  when('GET', manifests, () => reply(200, headers, bytes));

/** An index is absent for who does not name its media type (distribution 2.8; HEAD too). */
export function needsAccept(): Quirk {
  return when('GET|HEAD', manifests, ({ url = '', headers }, _response, registry) => {
    const type = heldType(registry, url);
    if (type === undefined || (headers.accept ?? '').includes(type)) return pass;
    return complaint(404, 'MANIFEST_UNKNOWN', 'OCI index found, but accept header does not support OCI indexes');
  });
}

/** Docker's media types are refused (zot without `compat`). */
export function refusesDockerTypes(answer: Reply = complaint(415, 'MANIFEST_INVALID', 'manifest invalid')): Quirk {
  return when('PUT', manifests, ({ headers }) => ((headers['content-type'] ?? '').includes('vnd.docker') ? answer : pass));
}

/** A manifest must name its own media type (ECR). */
export function needsMediaType(): Quirk {
  return refusing(
    ({ mediaType }) => mediaType === undefined,
    complaint(405, 'UNSUPPORTED', "Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'Invalid JSON syntax'"),
  );
}

/** What is no image is refused by the media type of its config (Quay, Aliyun's ACR). */
export function refusesConfig(type: string, answer: Reply): Quirk {
  return refusing(({ config }) => config?.mediaType === type, answer);
}

/** Refuses BuildKit's attestations (Aliyun's ACR), and indexes that list any (Huawei's SWR). */
export const refusesAttestations = (answer: Reply): Quirk =>
  refusing(
    ({ layers = [], manifests: children = [] }) =>
      layers.some(({ mediaType }) => mediaType.includes('in-toto')) ||
      children.some(({ platform }) => platform?.os === 'unknown'),
    answer,
  );

/** Refuses every PUT of a manifest for some time. */
export const refusesManifests = (answer: Reply, times?: number, path = manifests): Quirk =>
  when('PUT', path, () => answer, times);

/** Does not see the blobs of a manifest at once (GHCR, replicas of ACR). */
export const unseenBlobs = (times: number): Quirk =>
  refusesManifests(complaint(404, 'MANIFEST_BLOB_UNKNOWN', 'blob unknown to registry'), times);

/** A tag that exists stays as it is: 412 (Harbor). */
export function immutableTags(answer: Reply = complaint(412, 'PRECONDITION', 'the tag is immutable')): Quirk {
  return when('PUT', manifests, ({ url = '' }, _response, registry) => {
    const [name, reference] = split(url);
    return registry.store.repositories.get(name)?.tags.has(reference) ? answer : pass;
  });
}

/** Says 404 in words of its own. */
export const notFound = (answer: Reply): Quirk => when('GET', manifests, () => answer);

interface LooseManifest {
  readonly mediaType?: string;
  readonly config?: { readonly mediaType?: string };
  readonly layers?: readonly { readonly mediaType: string }[];
  readonly manifests?: readonly { readonly platform?: { readonly os: string } }[];
}

function refusing(isWrong: (manifest: LooseManifest) => boolean, answer: Reply): Quirk {
  return when('PUT', manifests, async (request, _response, { store }) => {
    const bytes = await bodyOf(request);
    if (isWrong(JSON.parse(bytes.toString()))) return answer;
    const [name, reference] = split(request.url ?? '');
    const digest = store.putManifest(name, reference, { mediaType: request.headers['content-type'] ?? '', bytes });
    return reply(201, { 'docker-content-digest': digest });
  });
}

function heldType({ store }: MemoryRegistry, url: string): string | undefined {
  const type = store.manifest(...split(url))?.mediaType;
  return type?.includes('index') || type?.includes('list') ? type : undefined;
}

function split(url: string): [name: string, reference: string] {
  const [, name = '', reference = ''] = /^\/v2\/(.+)\/manifests\/([^?]+)/.exec(url) ?? [];
  return [name, reference];
}
