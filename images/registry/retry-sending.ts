import { setTimeout as sleep } from 'node:timers/promises';
import { connectionFailure, connectionTrouble, wantsTls } from './connection-failure.ts';
import { type Answer, discard, header } from './registry-transport.ts';
import type { RetryGate, Trouble } from './retry-gate.ts';

/** Whom an attempt addresses. */
export interface Addressee {
  readonly gate: RetryGate;
  readonly host: string;
  readonly url: URL;
  readonly signal: AbortSignal;
}

/**
 * Repeats `attempt`, which has to be `gated`, until it gives an answer that a repetition would not turn, or patience ends: then the last
 * answer is the result, or the failed connection is thrown as BundleError. Each kind of trouble is counted by itself.
 */
export async function sendPatiently(attempt: () => Promise<Answer>, to: Addressee): Promise<Answer> {
  const failures = new Map<string, number>();
  for (let attempts = 1; ; attempts += 1) {
    const { answer, error, trouble } = await outcomeOf(attempt);
    const kind = trouble.connection ?? String(trouble.status);
    const failed = (failures.get(kind) ?? 0) + 1;
    failures.set(kind, failed);
    const hopeless = attempts === 1 && trouble.connection === 'dropped' && (await wantsTls(to.url));
    const pauseMs = hopeless ? undefined : to.gate.pauseAfter(trouble, failed);
    if (pauseMs !== undefined) {
      if (answer !== undefined) await discard(answer);
      await sleep(pauseMs, undefined, { signal: to.signal });
    } else if (answer !== undefined) {
      return answer;
    } else {
      throw await connectionFailure(to.host, to.url, trouble.connection ?? 'dropped', error);
    }
  }
}

/** Sends when the gate lets it, and tells the gate of the answer. */
export async function gated(gate: RetryGate, send: () => Promise<Answer>, signal: AbortSignal): Promise<Answer> {
  await gate.pass(signal);
  const answer = await send();
  gate.answered(answer.status);
  return answer;
}

/** What a gate has to know of an answer that is no success. */
function troubleOf(answer: Answer): Trouble {
  const { status } = answer;
  const [, remaining, windowSeconds] = /^(\d+);w=(\d+)/.exec(header(answer, 'ratelimit-remaining') ?? '') ?? [];
  const exhausted = remaining === '0' && Number(windowSeconds) > 600;
  return { status, retryAfter: header(answer, 'retry-after'), ...(exhausted ? { exhausted } : {}) };
}

type Outcome = { readonly answer?: Answer; readonly error?: unknown; readonly trouble: Trouble };

async function outcomeOf(attempt: () => Promise<Answer>): Promise<Outcome> {
  try {
    const answer = await attempt();
    return { answer, trouble: troubleOf(answer) };
  } catch (error) {
    const connection = connectionTrouble(error);
    if (connection === undefined) throw error;
    return { error, trouble: { connection } };
  }
}
