import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import pLimit from 'p-limit';
import { BundleError } from '../bundle-spec/bundle-error.ts';
import type { Values } from '../bundle-spec/values-layer.ts';
import { nestedFiles } from './charts/nested-files.ts';
import { remoteSchemaReferences } from './charts/remote-schema.ts';
import { explainFailure } from './explain-failure.ts';
import type { Helm } from './helm.ts';
import { type ParsedDocuments, type RenderedObject, readManifests } from './manifest-stream.ts';
import { type HelmRelease, type RenderOptions, renderManifests } from './render.ts';
import { refuseSeveralDocuments } from './values-documents.ts';

/** Renders of one release, counted, two at a time, documents that come again parsed once. */
export interface RenderSession {
  readonly release: HelmRelease;
  /** How many times helm has rendered so far. */
  readonly renders: number;
  readonly signal: AbortSignal;
  readonly documents: ParsedDocuments;
  /** What helm prints for the release. Throws RENDER_FAILED; as deployed, with the values paths that the chart asks for. */
  print(kubernetes: string, changes?: RenderChanges): Promise<string>;
  read(stream: string): RenderedObject[];
}

/** What a render has that the release as deployed has not. */
export interface RenderChanges {
  /** Values that win over those of the release. */
  readonly overrides: Values;
  /** A probe is rendered although the chart's schema may refuse a sentinel; a proof is not. */
  readonly probe: boolean;
  /** API versions that the cluster serves beside those of the session. Default none. */
  readonly apiVersions?: readonly string[];
}

/** What all renders of a session have in common. */
export interface SessionOptions {
  /** Documents that earlier renders have parsed. Default none. */
  readonly documents?: ParsedDocuments;
  readonly apiVersions?: readonly string[];
  readonly signal: AbortSignal;
}

/** The same session, its renders counted with those of `session`, but for what is done in another way. */
export function deriveSession(session: RenderSession, other: Partial<Pick<RenderSession, 'print' | 'read'>>): RenderSession {
  return {
    release: session.release,
    signal: session.signal,
    documents: session.documents,
    get renders() {
      return session.renders;
    },
    print: (kubernetes, changes) => session.print(kubernetes, changes),
    read: (stream) => session.read(stream),
    ...other,
  };
}

/** helm is bound by the processor; more at a time than this wins nothing on a small machine. */
const rendersAtOnce = 2;

/** A session on a release, which helm has not rendered yet. Holds nothing open: there is nothing to close. */
export function openSession(helm: Helm, release: HelmRelease, options: SessionOptions): RenderSession {
  const limit = pLimit(rendersAtOnce);
  const { documents = new Map() } = options;
  let renders = 0;
  return {
    release,
    signal: options.signal,
    documents,
    get renders() {
      return renders;
    },
    print: (kubernetes, changes) =>
      limit(async () => {
        const skipSchemaValidation = (await skipsSchema(helm, release)) || changes?.probe === true;
        renders += 1;
        const asked: RenderOptions = {
          apiVersions: [...(options.apiVersions ?? []), ...(changes?.apiVersions ?? [])],
          signal: options.signal,
          kubernetes,
          skipSchemaValidation,
          kinds: showsKinds(release),
          ...(changes === undefined ? {} : { extraValues: changes.overrides, includeCrds: false }),
        };
        // Probes and gates fail by the dozen; a release that fails as deployed is worth a closer look.
        return changes === undefined
          ? renderBase(helm, release, asked).catch(async (error) =>
              Promise.reject(await explainFailure(helm, release, error, options)),
            )
          : renderManifests(helm, release, asked);
      }),
    read: (stream) => readManifests(stream, documents),
  };
}

const withoutKinds = new WeakSet<HelmRelease>();

/** False for a release that renders only where no kinds are told; true until a session has rendered it as deployed. */
export function showsKinds(release: HelmRelease): boolean {
  return !withoutKinds.has(release);
}

/**
 * A chart may take a kind such as `v1/Secret` among the API versions for a sign of a live cluster, look a Secret up and fail for want of it.
 * At the install it is there; here such a chart is rendered as plain `helm template` does, in this and all later sessions on the release.
 */
async function renderBase(helm: Helm, release: HelmRelease, asked: RenderOptions): Promise<string> {
  try {
    return await renderManifests(helm, release, asked);
  } catch (error) {
    const isRefusal = error instanceof BundleError && error.code === 'RENDER_FAILED';
    if (!isRefusal || asked.kinds === false || !(await looksUp(release))) throw error;
    const printed = await renderManifests(helm, release, { ...asked, kinds: false }).catch(() => undefined);
    asked.signal.throwIfAborted();
    if (printed === undefined) throw error;
    withoutKinds.add(release);
    return printed;
  }
}

async function looksUp({ chart }: HelmRelease): Promise<boolean> {
  const texts = [...nestedFiles(await readFile(chart), basename(chart))].map(({ body }) => body.toString('utf8'));
  return texts.some((text) => /\blookup\s+"/.test(text)) && texts.some((text) => text.includes('.APIVersions.Has'));
}

// Discovery, gates and proof are sessions on the same release, and reading a large chart takes 50 ms.
const skipped = new WeakMap<HelmRelease, Promise<boolean>>();

function skipsSchema(helm: Helm, release: HelmRelease): Promise<boolean> {
  const answer = skipped.get(release) ?? lookIntoChart(helm, release);
  skipped.set(release, answer);
  return answer;
}

/** True for a chart whose schema helm could check only with the internet. Throws CHART_INVALID for a chart that Helm 3 reads in part. */
async function lookIntoChart(helm: Helm, { chart }: HelmRelease): Promise<boolean> {
  const tgz = await readFile(chart);
  if (helm.major === 3) refuseSeveralDocuments(tgz, basename(chart));
  return remoteSchemaReferences(tgz, basename(chart)).length > 0;
}
