import { BundleError } from '../../bundle-spec/bundle-error.ts';
import type { Digest } from '../../bundle-spec/names.ts';
import { eachLimited } from '../each-limited.ts';
import { formatReference } from '../reference.ts';
import type { Registry, TagPolicy } from '../registry/registry.ts';
import type { Holders } from './push-blobs.ts';
import type { PushItem } from './push-plan.ts';

/**
 * What a target has of an item. `complete`: manifest and tag; `untagged`: the manifest, and hence all it names, but not the tag;
 * `conflict`: the tag names something else, and the policy is not to overwrite it.
 */
export interface PushState {
  readonly item: PushItem;
  readonly found: 'complete' | 'untagged' | 'absent' | 'conflict';
}

interface StateOptions {
  readonly signal: AbortSignal;
  readonly concurrency: number;
  readonly policy: TagPolicy;
}

/**
 * Asks the target for every item, without a byte sent. Throws TAG_CONFLICT with all tags concerned when the policy is `error`; the tags
 * of signatures are not among them: whoever signed there keeps his unless the policy is to overwrite.
 */
export async function readPushStates(
  registry: Registry,
  items: readonly PushItem[],
  options: StateOptions,
): Promise<PushState[]> {
  const { concurrency, policy, signal } = options;
  const found = new Map<PushItem, PushState['found']>();
  const ask = async (item: PushItem, own: { readonly signal: AbortSignal }): Promise<void> => {
    found.set(item, await stateOf(registry, item, policy, own.signal));
  };
  await eachLimited(items, concurrency, ask, { signal });
  const states = items.map((item) => ({ item, found: found.get(item) ?? 'absent' }));
  if (policy === 'error') refuseConflicts(states);
  return states;
}

/** Repositories that certainly have a blob, because they have a manifest that needs it. */
export function holdersOf(states: readonly PushState[]): Holders {
  const holders = new Map<Digest, Set<string>>();
  for (const { item, found } of states) {
    if (found !== 'complete' && found !== 'untagged') continue;
    for (const { digest } of item.blobs) {
      holders.set(digest, (holders.get(digest) ?? new Set<string>()).add(item.local.repository));
    }
  }
  return holders;
}

async function stateOf(registry: Registry, item: PushItem, policy: TagPolicy, signal: AbortSignal): Promise<PushState['found']> {
  const { local, root, tag } = item;
  const { digest } = root.descriptor;
  const tagged =
    tag === undefined ? 'absent' : await registry.headManifest(local.repository, tag.name, { signal, right: 'push' });
  if (typeof tagged === 'object') {
    if (tagged.digest === digest) return 'complete';
    if (tag?.required && policy !== 'overwrite') return 'conflict';
  }
  const held = await registry.headManifest(local.repository, digest, { signal, right: 'push' });
  if (typeof held !== 'object') return 'absent';
  return tag === undefined || (typeof tagged === 'object' && !tag.required) ? 'complete' : 'untagged';
}

function refuseConflicts(states: readonly PushState[]): void {
  const conflicting = states.filter(({ item, found }) => found === 'conflict' && item.kind !== 'attached');
  const conflicts = conflicting.map(({ item }) => formatReference(item.local));
  if (conflicts.length === 0) return;
  throw new BundleError('TAG_CONFLICT', `the registry has other content under ${conflicts.join(', ')}`, {
    hint: 'push to another prefix, or choose to overwrite these tags or to skip them',
  });
}
