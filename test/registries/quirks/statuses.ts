import { complaint, reply } from '../reply.ts';
import { type Quirk, when } from './quirk.ts';

/** 429 for the first requests. `retryAfter` as the header has it. */
export function busy(times: number, retryAfter?: string): Quirk {
  const headers = retryAfter === undefined ? {} : { 'retry-after': retryAfter };
  return when('GET|HEAD|PUT|POST|PATCH', /^\/v2\//, () => complaint(429, 'TOOMANYREQUESTS', 'Rate exceeded', headers), times);
}

/** 503 for the first requests. */
export function down(times: number): Quirk {
  return when('GET|HEAD|PUT|POST|PATCH', /^\/v2\//, () => reply(503, {}, 'upstream connect error'), times);
}

/** One request a moment and no more: 429 for whatever comes sooner (ECR Public, per address). */
export function paced(gapMs: number): Quirk {
  let nextAt = 0;
  return (request, response, registry) => {
    const now = performance.now();
    const early = now < nextAt;
    if (!early) nextAt = now + gapMs;
    return early ? busy(1, '0')(request, response, registry) : false;
  };
}
