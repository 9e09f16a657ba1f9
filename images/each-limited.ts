/**
 * Runs `work` on every item, at most `limit` at a time, beginning in the order given. The first failure aborts the others;
 * it is thrown once they have all stopped, so nothing runs on behind the caller's back.
 */
export async function eachLimited<T>(
  items: readonly T[],
  limit: number,
  work: (item: T, options: { readonly signal: AbortSignal }) => Promise<void>,
  options: { readonly signal: AbortSignal },
): Promise<void> {
  const failure = new AbortController();
  const signal = AbortSignal.any([options.signal, failure.signal]);
  const queue = items.values();
  const worker = async (): Promise<void> => {
    for (const item of queue) {
      signal.throwIfAborted();
      await work(item, { signal });
    }
  };
  const workers = Array.from({ length: Math.min(limit, items.length) }, worker);
  await Promise.all(workers.map((running) => running.catch((error) => failure.abort(error))));
  signal.throwIfAborted();
}
