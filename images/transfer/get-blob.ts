import type { BlobState } from './blob-state.ts';
import { Connection } from './connection.ts';
import type { Connections } from './connections.ts';
import { type ExchangeOptions, GetExchange } from './get-exchange.ts';
import type { GetRequest, GetResult } from './messages.ts';

/**
 * Sends one GET and gives the body to `blob`, if it is what the blob goes on with: all of it (200), or all from where it stands (206).
 * Throws when the connection is lost before an answer is there; what is lost later is told by the result.
 */
export async function getBlob(
  blob: BlobState,
  request: GetRequest,
  options: ExchangeOptions & { readonly connections: Connections },
): Promise<GetResult> {
  const used = options.connections.reuse(request.origin);
  const exchange = used === undefined ? undefined : new GetExchange(used, blob, request, options);
  try {
    if (exchange !== undefined) return finish(exchange, await exchange.result, request, options.connections);
  } catch (error) {
    // The other side may have given up an idle connection just then (RFC 9112, 9.3.1).
    if (exchange?.isUnanswered !== true) throw error;
  }
  options.signal.throwIfAborted();
  const fresh = new GetExchange(await connected(request, options.signal), blob, request, options);
  return finish(fresh, await fresh.result, request, options.connections);
}

function finish(exchange: GetExchange, result: GetResult, request: GetRequest, connections: Connections): GetResult {
  if (exchange.isReusable) connections.keep(request.origin, exchange.connection);
  return result;
}

async function connected({ origin, connectMs }: GetRequest, signal: AbortSignal): Promise<Connection> {
  const connection = new Connection(origin, connectMs);
  const abort = (): void => connection.destroy();
  signal.addEventListener('abort', abort);
  try {
    await connection.opened;
    return connection;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
