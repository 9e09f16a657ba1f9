/** A transfer thread: does tasks side by side, each on files or sockets of its own, and reads and writes files synchronously. */
import { parentPort } from 'node:worker_threads';
import { copyExtents, hashEach, hashExtents } from './disk-tasks.ts';
import { failureOf, type Reply, type Request, type Task } from './messages.ts';

/** Bytes that are told in one message. */
const reportSize = 4 << 20;

const running = new Map<number, AbortController>();

const send = (reply: Reply): void => parentPort?.postMessage(reply);

parentPort?.on('message', (request: Request) => {
  if ('abort' in request) running.get(request.abort)?.abort();
  else void answer(request.id, request.task);
});

async function answer(id: number, task: Task): Promise<void> {
  const controller = new AbortController();
  running.set(id, controller);
  const { onBytes, flush } = reporter(id);
  try {
    const value = await perform(task, { signal: controller.signal, onBytes });
    flush();
    send({ id, value });
  } catch (error) {
    flush();
    send({ id, failure: failureOf(error) });
  } finally {
    running.delete(id);
  }
}

function perform(
  task: Task,
  options: { readonly signal: AbortSignal; readonly onBytes: (bytes: number) => void },
): Promise<unknown> {
  switch (task.do) {
    case 'hash':
      return hashExtents(task.extents, options);
    case 'hashEach':
      return hashEach(task.ranges, options);
    case 'copy':
      return copyExtents(task.extents, task.places, options);
    default:
      throw task satisfies never;
  }
}

/** Gathers what is told, so that messages stay few. */
function reporter(id: number): { readonly onBytes: (bytes: number) => void; readonly flush: () => void } {
  let untold = 0;
  const flush = (): void => {
    if (untold > 0) send({ id, bytes: untold });
    untold = 0;
  };
  const onBytes = (bytes: number): void => {
    untold += bytes;
    if (untold >= reportSize) flush();
  };
  return { onBytes, flush };
}
