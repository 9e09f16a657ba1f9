import { BundleError } from '../../bundle-spec/bundle-error.ts';
import type { Descriptor } from '../descriptor.ts';
import type { BlobBody } from './blob-body.ts';
import type { PushBlobOptions } from './registry.ts';
import { pushScope } from './registry-client.ts';
import { type RegistryComplaint, readComplaint } from './registry-failure.ts';
import { type Answer, discard, header } from './registry-transport.ts';
import type { Trouble } from './retry-gate.ts';
import { type UploadBody, uploadBody } from './upload-body.ts';
import type { UploadHabits, UploadStyle } from './upload-habits.ts';
import { heldBytes, moveOn, type UploadPlace, type UploadSession } from './upload-session.ts';

/** One blob on its way up. */
export interface Upload extends UploadPlace {
  readonly descriptor: Descriptor;
  readonly body: BlobBody;
  readonly options: PushBlobOptions;
  /** Whether the repository has the blob by now. */
  readonly isThere: () => Promise<boolean>;
}

/** What is remembered of a blob from one attempt to the next. */
export interface UploadProgress {
  session: UploadSession;
  /** The last attempt ended without a word. */
  wary: boolean;
  /** Times that the registry found other bytes than we sent. */
  spoiled: number;
  /** It said 401 under the bytes. */
  denied: boolean;
  /** Times in a row that it did not know the session, or where it was. */
  lost: number;
}

/** How an attempt ended. `anew`: in a new session and in another way. `again`: after a pause, if patience lasts. */
export type UploadOutcome =
  | { readonly next: 'done' }
  | { readonly next: 'anew' }
  | {
      readonly next: 'again';
      readonly trouble: Trouble;
      readonly error: () => Promise<BundleError>;
      /** All bytes were sent: the blob may be there, or will be. */
      readonly whole?: boolean;
      /** The session may have survived. */
      readonly survives?: boolean;
      /** The registry has the session at another byte than we thought. */
      readonly misplaced?: boolean;
      /** The other side went away under the bytes and said nothing. */
      readonly wordless?: boolean;
    };

export type UploadFailure = Extract<UploadOutcome, { next: 'again' }>;

/** Parts of a failed answer that decide what comes next. */
interface Refusal {
  readonly answer: Answer;
  readonly complaint: RegistryComplaint;
  /** Bytes of the refused body; 0 of a commit behind PATCHes. */
  readonly bytes: number;
  readonly error: () => Promise<BundleError>;
}

/** What is no answer to a chunk after so long is a lost connection. A commit may take its time. */
const chunkAnswerMs = 300_000;

/** What a registry says at the end of an upload when it has lost the session, as distribution does after any broken request. */
const lostSession = new Set(['BLOB_UPLOAD_UNKNOWN', 'BLOB_UPLOAD_INVALID']);

const wrongBytes = new Set(['DIGEST_INVALID', 'SIZE_INVALID']);

/** Statuses of hosts that want a blob in another way. */
const otherWay = new Set([400, 404, 405, 411, 416, 501]);

/** A chunk of GHCR. */
const commonChunkLimit = 4 << 20;

/** Times that a session may be lost before it is held against the way of sending (Nexus calls a PUT it does not take so). */
const mostLost = 2;

const octets = { 'content-type': 'application/octet-stream' };

/** One attempt to send the rest of a blob, in one style. Throws connection errors as they come. */
export class UploadAttempt {
  readonly #upload: Upload;
  readonly #habits: UploadHabits;
  readonly #progress: UploadProgress;
  readonly #style: UploadStyle;
  /** The bytes of the request under way; none in a commit. */
  #sending: UploadBody | undefined;
  /** The request under way ends the blob. */
  #isLast = false;

  constructor(upload: Upload, habits: UploadHabits, progress: UploadProgress, style: UploadStyle) {
    this.#upload = upload;
    this.#habits = habits;
    this.#progress = progress;
    this.#style = style;
  }

  /** What the source of the bytes threw, if that ended the attempt. */
  get sourceError(): unknown {
    return this.#sending?.sourceError();
  }

  get stalled(): boolean {
    return this.#sending?.stalled() === true;
  }

  /** Every byte has left, so that the registry may have all it needs. */
  get sentWhole(): boolean {
    return this.#isLast && (this.#sending === undefined || this.#sending.complete());
  }

  async run(): Promise<UploadOutcome> {
    if (this.#style === 'put') return this.#put();
    const { session } = this.#progress;
    while (session.offset < this.#upload.descriptor.size) {
      const outcome = await this.#patch(session);
      if (outcome !== undefined) return outcome;
    }
    return this.#commit();
  }

  async #put(): Promise<UploadOutcome> {
    const { size } = this.#upload.descriptor;
    this.#isLast = true;
    const answer = await this.#send('PUT', this.#closing(), { from: 0, size });
    return isSuccess(answer) ? done(answer) : this.#refused(answer, size);
  }

  async #commit(): Promise<UploadOutcome> {
    this.#isLast = true;
    this.#sending = undefined;
    const { client, repository, options } = this.#upload;
    const answer = await client.attempt({
      method: 'PUT',
      url: this.#closing(),
      headers: { 'content-length': '0' },
      scopes: [pushScope(repository)],
      headersTimeoutMs: 0,
      signal: options.signal,
    });
    return isSuccess(answer) ? done(answer) : this.#refused(answer, 0);
  }

  /** Undefined when it went well. */
  async #patch(session: UploadSession): Promise<UploadOutcome | undefined> {
    const { size } = this.#upload.descriptor;
    const from = session.offset;
    const inChunks = this.#style === 'chunks';
    const bytes = inChunks ? Math.min(this.#habits.chunkSize(), size - from) : size;
    const answer = await this.#send('PATCH', session.url, { from, size: bytes }, inChunks);
    if (!isSuccess(answer)) return this.#refused(answer, bytes);
    await discard(answer);
    await moveOn(this.#upload, session, answer);
    const held = inChunks ? heldBytes(header(answer, 'range')) : undefined;
    session.offset = held === undefined || held > from + bytes ? from + bytes : held;
    this.#progress.wary = false;
    if (session.offset > from) return undefined;
    this.#habits.losesChunks();
    return { next: 'anew' };
  }

  async #send(
    method: 'PUT' | 'PATCH',
    url: URL,
    { from, size }: { readonly from: number; readonly size: number },
    isChunk = false,
  ): Promise<Answer> {
    const { client, repository, descriptor, body, options } = this.#upload;
    const { wary, session } = this.#progress;
    const sending = uploadBody({ descriptor, body, from, size, wary, onSent: options.onSent, signal: options.signal });
    this.#sending = sending;
    const since = performance.now();
    try {
      const answer = await client.attempt({
        method,
        url,
        headers: {
          ...octets,
          'content-length': String(size),
          ...(isChunk ? { 'content-range': `${from}-${from + size - 1}` } : {}),
        },
        openBody: sending.open,
        scopes: [pushScope(repository)],
        headersTimeoutMs: isChunk ? chunkAnswerMs : 0,
        signal: sending.signal,
      });
      if (isSuccess(answer)) this.#habits.measured(size, performance.now() - since);
      return answer;
    } finally {
      sending.end();
      session.sent = Math.max(session.sent, from + sending.offered());
    }
  }

  /** What an answer that is no success means for this blob, and for the host from now on. */
  async #refused(answer: Answer, bytes: number): Promise<UploadOutcome> {
    const { client, repository, descriptor } = this.#upload;
    const complaint = await readComplaint(answer);
    const what = `${repository}@${descriptor.digest}`;
    const purpose = { doing: `the push of ${what}`, what, right: 'push' } as const;
    const forgets = lostSession.has(complaint.code);
    const error = async () => (forgets ? forgotten(client.host, what, complaint) : client.failure(answer, purpose, complaint));
    const refusal: Refusal = { answer, complaint, bytes, error };
    const { status } = answer;
    if (wrongBytes.has(complaint.code)) return this.#spoiled(complaint);
    if (status === 413) return this.#tooLarge(refusal);
    if (status === 416 && bytes > 0) return this.#outOfRange(refusal);
    if (isPassing(status)) {
      const trouble: Trouble = { status, retryAfter: header(answer, 'retry-after') };
      return { next: 'again', trouble, error, survives: true, whole: this.#isLast && status >= 499 };
    }
    if (forgets && this.#progress.lost < mostLost) {
      this.#progress.lost += 1;
      return { next: 'again', trouble: { connection: 'dropped' }, error };
    }
    // A token that ended under the bytes, and another one at once: the session was begun with a good one, so the next will be too.
    if (status === 401 && !this.#progress.denied) {
      this.#progress.denied = true;
      return { next: 'anew' };
    }
    return this.#otherWay(refusal);
  }

  /** 416: a chunk that is too large (GHCR), or one that does not begin where the registry is. */
  async #outOfRange(refusal: Refusal): Promise<UploadOutcome> {
    const { answer, complaint, bytes, error } = refusal;
    if (/exceed|too (large|big)/i.test(complaint.message)) {
      const largest = mebibytesIn(complaint.message) ?? commonChunkLimit;
      if (this.#habits.refusedChunk(bytes, largest)) return { next: 'anew' };
      return this.#otherWay(refusal);
    }
    if (this.#style !== 'chunks' || this.#progress.lost >= mostLost) return this.#otherWay(refusal);
    this.#progress.lost += 1;
    if (header(answer, 'location') !== undefined) await moveOn(this.#upload, this.#progress.session, answer);
    return { next: 'again', trouble: { connection: 'dropped' }, error, survives: true, misplaced: true };
  }

  async #otherWay({ answer, bytes, error }: Refusal): Promise<UploadOutcome> {
    if (!otherWay.has(answer.status)) throw await error();
    this.#progress.lost = 0;
    // An empty PUT behind PATCHes is the same for all: "unknown blob" there is a commit that had no luck (GHCR).
    if (bytes === 0 && this.#upload.descriptor.size > 0) {
      return { next: 'again', trouble: { connection: 'dropped' }, whole: true, error };
    }
    if (!this.#habits.descend(this.#style)) throw await error();
    return { next: 'anew' };
  }

  async #tooLarge({ bytes, error }: Refusal): Promise<UploadOutcome> {
    if (this.#habits.refusedBody(bytes)) return { next: 'anew' };
    throw await error();
  }

  /** The registry got other bytes than its digest stands for. Either ours are wrong, or they changed on the way: then once more. */
  async #spoiled(complaint: RegistryComplaint): Promise<UploadOutcome> {
    const { client, descriptor, body, options } = this.#upload;
    await body.prove(options);
    this.#progress.spoiled += 1;
    if (this.#style === 'chunks') this.#habits.resumes = false;
    if (this.#progress.spoiled < 2) return { next: 'anew' };
    throw new BundleError(
      'DIGEST_MISMATCH',
      `${client.host} received other bytes than those of ${descriptor.digest}, twice: ${complaint.message}`,
      {
        hint: 'ours were read again and are right, so they change on the way: suspect the proxies and the memory of the machines between',
      },
    );
  }

  // Text, not URLSearchParams: the rest of the query may be signed and must stay as it came.
  #closing(): URL {
    const { url } = this.#progress.session;
    const digest = encodeURIComponent(this.#upload.descriptor.digest);
    return new URL(`${url.href}${url.search === '' ? '?' : '&'}digest=${digest}`);
  }
}

async function done(answer: Answer): Promise<UploadOutcome> {
  await discard(answer);
  return { next: 'done' };
}

function isSuccess({ status }: Answer): boolean {
  return status >= 200 && status < 300;
}

function isPassing(status: number): boolean {
  return [408, 425, 429, 499].includes(status) || (status >= 500 && status !== 501);
}

/** The first size that a text names, in bytes: `4.00MiB`. */
function mebibytesIn(text: string): number | undefined {
  const found = /([\d.]+) ?Mi?B/.exec(text)?.[1];
  return found === undefined ? undefined : Math.floor(Number(found) * 2 ** 20) || undefined;
}

function forgotten(host: string, what: string, { message }: RegistryComplaint): BundleError {
  return new BundleError('REGISTRY_FAILED', `${host} lost the upload of ${what} under way, again and again: ${message}`, {
    hint: 'it forgets uploads between two requests, as several replicas do that share no http.secret or no storage: push to one of them',
  });
}
