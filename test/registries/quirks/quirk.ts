import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Intercept, MemoryRegistry } from '../memory-registry.ts';
import { type Reply, sendReply } from '../reply.ts';

/** One way in which a registry is not as the specification has it, or takes it at its word. */
export type Quirk = Intercept;

/** Lets a request pass, as if there were no quirk. */
export const pass = { pass: true } as const;

/** A reply to send; `undefined` when the request was answered, or broken, already; `pass`. */
export type Act = (
  request: IncomingMessage,
  response: ServerResponse,
  registry: MemoryRegistry,
) => MaybePromise<Reply | undefined | typeof pass>;

type MaybePromise<T> = T | Promise<T>;

/** Does `act` with requests that match, so many times. */
export function when(method: string, path: RegExp, act: Act, times = Number.POSITIVE_INFINITY): Quirk {
  let left = times;
  return async (request, response, registry) => {
    const matches = method.split('|').includes(request.method ?? '') && path.test(request.url ?? '');
    if (!matches || left === 0) return false;
    const answer = await act(request, response, registry);
    if (isPass(answer)) return false;
    left -= 1;
    if (answer !== undefined) sendReply(request, response, answer);
    return true;
  };
}

function isPass(answer: Awaited<ReturnType<Act>>): answer is typeof pass {
  return answer === pass;
}

/** Several quirks of one registry: the first that wants a request has it. */
export function together(...quirks: readonly Quirk[]): Quirk {
  return async (request, response, registry) => {
    for (const quirk of quirks) if (await quirk(request, response, registry)) return true;
    return false;
  };
}

/** Lets the registry answer, and changes the headers of it on the way. */
export function changingHeaders(
  method: string,
  path: RegExp,
  change: (headers: Readonly<Record<string, string>>, request: IncomingMessage, registry: MemoryRegistry) => object,
): Quirk {
  return when(method, path, (request, response, registry) => {
    const writeHead = response.writeHead.bind(response);
    const changed = (status: number, headers: Record<string, string>) =>
      writeHead(status, { ...change(headers, request, registry) });
    Object.assign(response, { writeHead: changed });
    return pass;
  });
}
