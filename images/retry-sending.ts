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
 * Repeats `attempt` until it gives an answer that a repetition would not turn, or patience ends: then the last answer is the result,
 * or the failed connection is thrown as BundleError.
 */
export async function sendPatiently(attempt: () => Promise<Answer>, to: Addressee): Promise<Answer> {
  for (let failed = 1; ; failed += 1) {
    await to.gate.pass(to.signal);
    const { answer, error, trouble } = await outcomeOf(attempt);
    if (answer !== undefined) to.gate.answered();
    const hopeless = failed === 1 && trouble.connection === 'dropped' && (await wantsTls(to.url));
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

type Outcome = { readonly answer?: Answer; readonly error?: unknown; readonly trouble: Trouble };

async function outcomeOf(attempt: () => Promise<Answer>): Promise<Outcome> {
  try {
    const answer = await attempt();
    return { answer, trouble: { status: answer.status, retryAfter: header(answer, 'retry-after') } };
  } catch (error) {
    const connection = connectionTrouble(error);
    if (connection === undefined) throw error;
    return { error, trouble: { connection } };
  }
}
