import type { Digest } from '../../bundle-spec/names.ts';
import type { Kept } from './journal.ts';

/** What was written is made durable when so much of it has come together, or so long after the first of it. */
const groupBytes = 256 << 20;
const groupMs = 1_000;

/** A blob that is under way is noted again when it has grown by so much. */
const frontierStep = 8 << 20;

/**
 * Says in a journal what is durable, many blobs at a time: a sync for each would cost more than the bytes. After a power cut at most a
 * second of work is missing.
 */
export class GroupCommit {
  readonly #note: (lines: readonly Kept[]) => Promise<void>;
  readonly #onFailure: (error: unknown) => void;
  readonly #waiting = new Map<Digest, Kept>();
  readonly #noted = new Map<Digest, number>();
  #waitingBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();

  /** `note` makes durable what was written before it is called, then the lines. `onFailure` is told when it fails in the background. */
  constructor(note: (lines: readonly Kept[]) => Promise<void>, onFailure: (error: unknown) => void) {
    this.#note = note;
    this.#onFailure = onFailure;
  }

  /** Bytes that the journal vouches for. */
  get durable(): number {
    return [...this.#noted.values()].reduce((sum, kept) => sum + kept, 0);
  }

  /** Counts what an earlier run noted and this one has proven. */
  keep({ blob, kept }: Kept): void {
    this.#noted.set(blob, kept);
  }

  /** Takes note of what is written of a blob; it becomes durable later. */
  take(line: Kept): void {
    const known = this.#waiting.get(line.blob)?.kept ?? this.#noted.get(line.blob) ?? 0;
    this.#waiting.set(line.blob, line);
    this.#waitingBytes += Math.max(0, line.kept - known);
    if (this.#waitingBytes >= groupBytes) this.#begin();
    else this.#timer ??= setTimeout(() => this.#begin(), groupMs);
  }

  /** Makes all of it durable, also the small steps. Throws what the disk says. */
  async flush(): Promise<void> {
    this.#stopTimer();
    await this.#running;
    await this.#commit([...this.#waiting.values()]);
  }

  /** Resolves when nothing is under way any more. */
  async stop(): Promise<void> {
    this.#stopTimer();
    await this.#running;
  }

  #begin(): void {
    this.#stopTimer();
    this.#waitingBytes = 0;
    this.#running = this.#running
      .then(() => this.#commit([...this.#waiting.values()].filter((line) => this.#isWorthIt(line))))
      .catch((error: unknown) => this.#onFailure(error));
  }

  #isWorthIt({ blob, size, kept }: Kept): boolean {
    return kept === size || kept >= (this.#noted.get(blob) ?? 0) + frontierStep;
  }

  async #commit(lines: readonly Kept[]): Promise<void> {
    if (lines.length === 0) return;
    await this.#note(lines);
    for (const line of lines) {
      this.#noted.set(line.blob, line.kept);
      if (this.#waiting.get(line.blob) === line) this.#waiting.delete(line.blob);
    }
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
