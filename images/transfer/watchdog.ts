export interface Watchdog {
  /** All is well; costs next to nothing. */
  touch(): void;
  /** From now on silence may last so long. */
  allow(limitMs: number): void;
  stop(): void;
}

/** Calls `onSilence` when it was not touched for `limitMs`; 0 is for ever. */
export function watchdog(limitMs: number, onSilence: () => void): Watchdog {
  let touchedMs = performance.now();
  let limit = limitMs;
  let timer: NodeJS.Timeout | undefined;
  const wait = (ms: number): void => {
    timer = limit > 0 ? setTimeout(check, ms) : undefined;
  };
  const check = (): void => {
    const restMs = touchedMs + limit - performance.now();
    if (restMs > 0) wait(restMs);
    else onSilence();
  };
  wait(limit);
  return {
    touch() {
      touchedMs = performance.now();
    },
    allow(nextMs) {
      clearTimeout(timer);
      touchedMs = performance.now();
      limit = nextMs;
      wait(limit);
    },
    stop() {
      clearTimeout(timer);
    },
  };
}
