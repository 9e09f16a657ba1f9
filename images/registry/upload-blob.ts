import { setTimeout as sleep } from 'node:timers/promises';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import { connectionFailure, connectionTrouble } from './connection-failure.ts';
import type { Trouble } from './retry-gate.ts';
import { type Upload, UploadAttempt, type UploadFailure, type UploadOutcome, type UploadProgress } from './upload-attempt.ts';
import { habitsOf, type UploadHabits } from './upload-habits.ts';
import { beginUpload, findSession, provesResuming, type UploadSession } from './upload-session.ts';

/** Smaller blobs are sent again as a whole. */
const worthResuming = 1 << 20;

/**
 * Sends a blob until the registry has proven its digest: in one PUT, one PATCH or several, as the host takes it, and on from where a
 * link broke where the host can. Throws BUNDLE_DAMAGED and the like when the bytes are not those of the digest, DIGEST_MISMATCH when they
 * change on the way, and what registries throw.
 */
export async function uploadBlob(upload: Upload, session: UploadSession): Promise<void> {
  const { client, descriptor, options } = upload;
  const { signal } = options;
  const habits = habitsOf(client);
  const progress: UploadProgress = { session, wary: false, denied: false, spoiled: 0, lost: 0 };
  if (habits.shouldProve(descriptor.size)) await learnResuming(upload, habits);
  for (let failed = 1, best = 0; ; ) {
    const outcome = await sendRest(upload, habits, progress);
    if (outcome.next === 'done') return;
    if (outcome.next === 'anew') {
      progress.session = await beginUpload(upload, { signal });
      continue;
    }
    if (outcome.whole && (await arrives(upload, outcome.trouble))) return;
    const pauseMs = client.gate.pauseAfter(outcome.trouble, failed);
    if (pauseMs === undefined) throw await finalError(upload, habits, outcome);
    await sleep(pauseMs, undefined, { signal });
    progress.wary = outcome.wordless === true;
    if (!(await survives(upload, habits, progress.session, outcome))) progress.session = await beginUpload(upload, { signal });
    // Who gets on may fail as often as it takes.
    failed = progress.session.offset > best ? 1 : failed + 1;
    best = Math.max(best, progress.session.offset);
  }
}

async function sendRest(upload: Upload, habits: UploadHabits, progress: UploadProgress): Promise<UploadOutcome> {
  const { client, descriptor, options } = upload;
  const { session } = progress;
  const attempt = new UploadAttempt(upload, habits, progress, session.offset > 0 ? 'chunks' : habits.styleFor(descriptor.size));
  const endTurn = descriptor.size < worthResuming ? undefined : await habits.turn();
  try {
    options.signal.throwIfAborted();
    return await attempt.run();
  } catch (error) {
    options.signal.throwIfAborted();
    if (attempt.sourceError !== undefined) throw attempt.sourceError;
    const connection = attempt.stalled ? 'dropped' : connectionTrouble(error);
    if (connection === undefined) throw error;
    habits.cut ||= connection === 'dropped';
    return {
      next: 'again',
      trouble: { connection },
      whole: attempt.sentWhole,
      wordless: !attempt.sentWhole,
      survives: true,
      error: () => connectionFailure(client.host, session.url, connection, error),
    };
  } finally {
    endTurn?.();
  }
}

/** Whether the session can be gone on with; then it knows where. */
async function survives(upload: Upload, habits: UploadHabits, session: UploadSession, outcome: UploadFailure): Promise<boolean> {
  if (!outcome.survives || upload.descriptor.size < worthResuming) return false;
  if (outcome.misplaced) {
    // Half of the proof: the other half is that the upload is still known.
    const found = await findSession(upload, session, upload.options);
    if (found && habits.takesChunks) habits.resumes = true;
    return found;
  }
  if (habits.resumes === undefined) await learnResuming(upload, habits);
  return habits.resumes === true && findSession(upload, session, upload.options);
}

/** Once for a host: who comes meanwhile waits for the answer. */
async function learnResuming(upload: Upload, habits: UploadHabits): Promise<void> {
  habits.proving ??= provesResuming(upload, upload.options);
  try {
    const proven = await habits.proving;
    habits.resumes ??= proven && habits.takesChunks;
  } finally {
    habits.proving = undefined;
  }
}

/**
 * A commit whose answer was lost may have happened. One that a proxy had no patience for goes on behind it: it is waited for, about as
 * long as a slow disk takes to read the blob once more.
 */
async function arrives({ isThere, descriptor, options }: Upload, { status }: Trouble): Promise<boolean> {
  const isTimeout = status !== undefined && [499, 504, 522, 524].includes(status);
  const patienceMs = isTimeout ? Math.min(600_000, descriptor.size / 20_000) : 0;
  for (const since = performance.now(); ; ) {
    if (await isThere()) return true;
    if (performance.now() - since >= patienceMs) return false;
    await sleep(Math.min(2000, patienceMs), undefined, options);
  }
}

async function finalError({ client, descriptor }: Upload, habits: UploadHabits, outcome: UploadFailure): Promise<BundleError> {
  const error = await outcome.error();
  const matters = outcome.wordless && habits.resumes === false && descriptor.size >= worthResuming;
  if (!matters) return error;
  return new BundleError(error.code, error.message, {
    hint: `${client.host} does not continue an upload that broke off, so all ${descriptor.size} bytes of ${descriptor.digest} must pass at once: push from nearer by, or to a registry that continues (distribution 3)`,
    cause: error,
  });
}
