import { request } from 'node:https';
import { text } from 'node:stream/consumers';

/** How a process outside reaches the API server: by a Unix socket, which passes network namespaces. */
export interface ApiAccess {
  readonly socketPath: string;
  readonly ca: Buffer;
  readonly token: string;
}

/** GETs a path of the API; undefined as long as nobody answers or the answer is not 200. */
export async function getFromApi(access: ApiAccess, path: string): Promise<string | undefined> {
  const { socketPath, ca, token } = access;
  return await new Promise((resolve) => {
    const call = request({
      socketPath,
      ca,
      path,
      servername: 'kubernetes',
      agent: false,
      headers: { authorization: `Bearer ${token}` },
    });
    call.on('error', () => resolve(undefined));
    call.on('response', (response) => {
      const body = text(response).catch(() => undefined);
      body.then((answer) => resolve(response.statusCode === 200 ? answer : undefined));
    });
    call.end();
  });
}
