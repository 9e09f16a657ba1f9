import { setTimeout as sleep } from 'node:timers/promises';
import type { Digest } from '../../bundle-spec/names.ts';
import type { BundleFile } from '../bundle/bundle-reader.ts';
import { eachLimited } from '../each-limited.ts';
import { formatReference, type Target } from '../reference.ts';
import type { Registry, TagPolicy } from '../registry/registry.ts';
import { PartsUnseen } from '../registry/registry-manifests.ts';
import { findAbsentBlobs } from './check-base.ts';
import { type BlobEvents, type BlobOutcome, type Holders, lanesOf, planBlobs, pushBlobs } from './push-blobs.ts';
import { type PushItem, planPush } from './push-plan.ts';
import { listReferrers, type PushedReferrer } from './push-referrers.ts';
import { holdersOf, type PushState, readPushStates } from './push-state.ts';
import { probeSparse } from './sparse-probe.ts';

/**
 * An image, a chart or what is attached to an image, after the push. `kept`: the target had another under its tag, and the policy was to
 * leave it.
 */
export interface PushedItem {
  readonly kind: PushItem['kind'];
  /** The reference of the image as the charts have it; of a chart its name and version. */
  readonly name: string;
  readonly local: string;
  readonly digest: Digest;
  readonly outcome: 'pushed' | 'present' | 'kept';
}

/** What happens while a bundle is pushed. */
export type PushEvent =
  /** What the target lacks; it may still have some of the blobs. `tags` are to be set on what is there, `kept` to stay on something else. */
  | {
      readonly type: 'planned';
      readonly items: number;
      readonly blobs: number;
      readonly bytes: number;
      readonly tags: number;
      readonly kept: number;
    }
  /** Bytes of a blob that left since its last event. */
  | { readonly type: 'progress'; readonly digest: Digest; readonly bytes: number }
  | { readonly type: 'blob'; readonly digest: Digest; readonly size: number; readonly outcome: BlobOutcome }
  | { readonly type: 'item'; readonly item: PushedItem };

/** What a push did. Blobs count once for each repository that needs them. */
export interface PushReport {
  /** Images and charts. */
  readonly items: readonly PushedItem[];
  /** Signatures and what else refers to images. */
  readonly attached: readonly PushedItem[];
  readonly blobsPushed: number;
  readonly blobsMounted: number;
  readonly blobsPresent: number;
  /** Bytes of the blobs that were sent, retries not counted. */
  readonly bytesPushed: number;
}

export interface PushOptions {
  readonly signal: AbortSignal;
  readonly onEvent?: (event: PushEvent) => void;
  /** When a tag exists at the target with another digest. Default `error`. */
  readonly onTagConflict?: TagPolicy;
  /** Large blobs sent at the same time; small ones and questions are four times as many beside them. Default 4. */
  readonly concurrency?: number;
}

interface Push {
  readonly bundle: BundleFile;
  readonly registry: Registry;
  readonly concurrency: number;
  readonly policy: TagPolicy;
  readonly onEvent: (event: PushEvent) => void;
}

type BlobCount = Omit<PushReport, 'items' | 'attached'>;

/**
 * Pushes all images and charts of a bundle to `target` on `registry`, straight from the tar. What is there is not sent again, and
 * each blob is sent once: other repositories mount it. Blobs go first, then manifests, children before their index, those that refer to an
 * image after it, and tags last, so that a push which stops anywhere leaves no tag without all its bytes; run again, it continues.
 * Throws before the first byte is sent: TAG_CONFLICT with all tags concerned, BASE_MISSING when the target lacks what a delta leaves out,
 * REGISTRY_FAILED when the registry takes no sparse index and one is to be sent. Throws BUNDLE_DAMAGED, what `planPush` and the registry throw.
 */
export async function pushBundle(
  bundle: BundleFile,
  registry: Registry,
  target: Target,
  options: PushOptions,
): Promise<PushReport> {
  const { signal, concurrency = 4, onTagConflict: policy = 'error', onEvent = () => undefined } = options;
  const push: Push = { bundle, registry, concurrency, policy, onEvent };
  const items = await planPush(bundle, target, { signal });
  const lanes = lanesOf(concurrency);
  const states = await readPushStates(registry, items, { concurrency: lanes, policy, signal });
  const lacking = states.filter(({ found }) => found === 'absent').map(({ item }) => item);
  await probeSparse(registry, lacking, { signal });
  const known = { holders: holdersOf(states), target };
  const holders = await findAbsentBlobs(bundle, registry, lacking, known, { concurrency: lanes, signal });
  const count = await sendBlobs(push, states, holders, signal);
  const [attached, subjects] = partition(lacking, ({ kind }) => kind === 'attached');
  for (const group of [subjects, attached]) {
    await eachLimited(group, lanes, (item, own) => sendManifests(push, item, holders, own.signal), { signal });
  }
  await listReferrers(registry, referrersOf(states), { concurrency: lanes, signal });
  const done = await setTags(push, states, signal);
  const [pushedAttached, pushedItems] = partition(done, ({ kind }) => kind === 'attached');
  return { items: pushedItems, attached: pushedAttached, ...count };
}

/** What has to be found by its subject: also what a push that was stopped left unlisted. */
function referrersOf(states: readonly PushState[]): PushedReferrer[] {
  return states.flatMap(({ item: { local, subject, root } }) =>
    subject === undefined ? [] : [{ repository: local.repository, subject, root }],
  );
}

function partition<T>(items: readonly T[], isFirst: (item: T) => boolean): [T[], T[]] {
  return [items.filter(isFirst), items.filter((item) => !isFirst(item))];
}

async function sendBlobs(push: Push, states: readonly PushState[], holders: Holders, signal: AbortSignal): Promise<BlobCount> {
  const { bundle, registry, concurrency, onEvent } = push;
  const those = (wanted: PushState['found']) => states.filter(({ found }) => found === wanted).map(({ item }) => item);
  const items = those('absent');
  const tasks = planBlobs(items, holders);
  const outcomes: { readonly size: number; readonly outcome: BlobOutcome }[] = [];
  const events: BlobEvents = {
    onSent: (digest, bytes) => onEvent({ type: 'progress', digest, bytes }),
    onBlob: ({ digest, size }, outcome) => {
      outcomes.push({ size, outcome });
      onEvent({ type: 'blob', digest, size, outcome });
    },
  };
  onEvent({
    type: 'planned',
    items: items.length,
    blobs: tasks.length,
    bytes: sum(tasks.filter(({ descriptor }) => bundle.blobs.has(descriptor.digest)).map((task) => task.descriptor.size)),
    tags: those('untagged').length,
    kept: those('conflict').length,
  });
  await pushBlobs(bundle, registry, tasks, { ...events, concurrency, signal });
  const sizes = (wanted: BlobOutcome) => outcomes.filter(({ outcome }) => outcome === wanted).map(({ size }) => size);
  return {
    blobsPushed: sizes('pushed').length,
    blobsMounted: sizes('mounted').length,
    blobsPresent: sizes('present').length,
    bytesPushed: sum(sizes('pushed')),
  };
}

/** Pauses before the manifests of an item are tried once more, in milliseconds: replicas far away take some seconds (ACR). */
const lagsMs = [1000, 4000];

/**
 * Pushes the manifests of an item by digest, children first. Where blobs take a moment to be seen the registry refuses with "blob
 * unknown"; then all are made sure of and the manifests pushed once more.
 */
async function sendManifests({ bundle, registry }: Push, item: PushItem, holders: Holders, signal: AbortSignal): Promise<void> {
  // Nothing is taken for granted then, but what the bundle itself has not.
  const absent = new Map([...holders].filter(([digest]) => bundle.absent.has(digest)));
  const silent: BlobEvents = { onSent: () => undefined, onBlob: () => undefined };
  for (let lags = 0; ; lags += 1) {
    try {
      for (const manifest of item.manifests) await registry.pushManifest(item.local.repository, manifest, { signal });
      return;
    } catch (error) {
      const lagMs = lagsMs[lags];
      if (!(error instanceof PartsUnseen) || lagMs === undefined) throw error;
      await sleep(lagMs, undefined, { signal });
      await pushBlobs(bundle, registry, planBlobs([item], absent), { ...silent, concurrency: 2, signal });
    }
  }
}

async function setTags(push: Push, states: readonly PushState[], signal: AbortSignal): Promise<PushedItem[]> {
  const done = new Map<PushItem, PushedItem>();
  const set = async (state: PushState, own: { readonly signal: AbortSignal }): Promise<void> => {
    const { kind, name, local, root } = state.item;
    const outcome = await setTag(push, state, own.signal);
    const item: PushedItem = { kind, name, local: formatReference(local), digest: root.descriptor.digest, outcome };
    done.set(state.item, item);
    push.onEvent({ type: 'item', item });
  };
  await eachLimited(states, lanesOf(push.concurrency), set, { signal });
  return states.map(({ item }) => done.get(item)).filter((item) => item !== undefined);
}

/** Sets the tag, last of all, and says how the item ended. A tag that nobody pulls by is left to whoever has it. */
async function setTag(
  { registry, policy }: Push,
  { item, found }: PushState,
  signal: AbortSignal,
): Promise<PushedItem['outcome']> {
  if (found === 'complete') return 'present';
  if (found === 'conflict') return 'kept';
  if (item.tag === undefined) return 'pushed';
  const { name, required } = item.tag;
  const set = await registry.pushTag(item.local.repository, name, item.root, { policy: required ? policy : 'skip', signal });
  return set === 'kept' && required ? 'kept' : 'pushed';
}

function sum(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total + size, 0);
}
