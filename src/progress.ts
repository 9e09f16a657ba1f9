/** What a long command tells while it works: a line a phase, and on a terminal how far the bytes are. */
export interface Progress {
  /** One line that stays. */
  say(line: string): void;
  /** The line that is overwritten: `done` of `total` bytes. Shown on a terminal only. */
  bytes(done: number, total: number): void;
}

/** Runs `work` with progress on stderr and clears the moving line at its end, however it ends. */
export async function withProgress<T>(work: (progress: Progress) => Promise<T>): Promise<T> {
  const stream = process.stderr;
  let shownAt = 0;
  const clear = (): void => {
    if (shownAt > 0) stream.write('\r\u001b[K');
    shownAt = 0;
  };
  const progress: Progress = {
    say(line) {
      clear();
      stream.write(`${line}\n`);
    },
    bytes(done, total) {
      if (!stream.isTTY || performance.now() - shownAt < 100) return;
      shownAt = performance.now();
      stream.write(`\r\u001b[K${formatBytes(done)} of ${formatBytes(total)}`);
    },
  };
  try {
    return await work(progress);
  } finally {
    clear();
  }
}

/** Bytes for people, in decimal units: `512 B`, `61.4 MB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${units[unit]}`;
}
