import type { IncomingMessage, ServerResponse } from 'node:http';

/** What a registry of the tests answers. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export function reply(status: number, headers: Readonly<Record<string, string>> = {}, body: Buffer | string = ''): Reply {
  return { status, headers, body: Buffer.from(body) };
}

/** An error as the distribution spec wants it. */
export function complaint(status: number, code: string, message: string, headers: Readonly<Record<string, string>> = {}): Reply {
  const body = JSON.stringify({ errors: [{ code, message }] });
  return reply(status, { 'content-type': 'application/json', ...headers }, body);
}

/** Sends an answer with its length; to HEAD without the body. What is left of the request's body is dropped. */
export function sendReply(request: IncomingMessage, response: ServerResponse, { status, headers, body }: Reply): void {
  response.writeHead(status, status === 204 ? headers : { 'content-length': body.length, ...headers });
  response.end(request.method === 'HEAD' ? undefined : body);
  request.resume();
}

export async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}
