/** The beginning of an HTTP/1.1 response (RFC 9112), header names in lower case. A header sent several times has several values. */
export interface ResponseHead {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[]>>;
  /** How the end of the body is known: by its length in bytes, by its chunks, or by the end of the connection. */
  readonly body: number | 'chunked' | 'until-close';
  /** The connection may be used again. */
  readonly keepAlive: boolean;
}

/** Parses everything before the empty line. Throws an error whose code begins with HPE_, as those of Node's own parser do. */
export function parseResponseHead(text: string): ResponseHead {
  const [first = '', ...lines] = text.split('\r\n');
  const [, minor, code] = /^HTTP\/1\.([01]) (\d{3})(?: .*)?$/.exec(first) ?? [];
  if (code === undefined) throw parseError('HPE_INVALID_CONSTANT', 'the answer is no HTTP/1.1');
  const headers = parseHeaders(lines);
  const status = Number(code);
  const connection = listed(headers.connection);
  const body = framingOf(status, headers);
  const keepAlive = body !== 'until-close' && (minor === '1' ? !connection.includes('close') : connection.includes('keep-alive'));
  return { status, headers, body, keepAlive };
}

/** A header's one value; several are given as one, the way HTTP joins lists. */
export function headerOf({ headers }: ResponseHead, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

function parseHeaders(lines: readonly string[]): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = Object.create(null);
  for (const line of lines) {
    const [before = '', name = ''] = /^([!#$%&'*+.^`|~\w-]+):/.exec(line) ?? [];
    // Also a line that begins with a space: folded headers are forbidden since RFC 7230.
    if (name === '' || /[\r\n]/.test(line)) throw parseError('HPE_INVALID_HEADER_TOKEN', 'the answer has a header that is none');
    const key = name.toLowerCase();
    const value = trimmed(line.slice(before.length));
    const known = headers[key];
    headers[key] = known === undefined ? value : [known, value].flat();
  }
  return headers;
}

/** Without the blanks around it. No regular expression: one took ten seconds for 60 KB of them. */
function trimmed(value: string): string {
  const isBlank = (at: number): boolean => value[at] === ' ' || value[at] === '\t';
  let [from, to] = [0, value.length];
  while (from < to && isBlank(from)) from += 1;
  while (to > from && isBlank(to - 1)) to -= 1;
  return value.slice(from, to);
}

function framingOf(status: number, headers: ResponseHead['headers']): ResponseHead['body'] {
  if (status < 200 || status === 204 || status === 304) return 0;
  const coding = listed(headers['transfer-encoding']);
  if (coding.length > 0) return coding.at(-1) === 'chunked' ? 'chunked' : 'until-close';
  const lengths = new Set(listed(headers['content-length']));
  const [length] = lengths;
  if (length === undefined) return 'until-close';
  if (lengths.size === 1 && /^\d{1,15}$/.test(length)) return Number(length);
  throw parseError('HPE_INVALID_CONTENT_LENGTH', 'the answer has a Content-Length that is none');
}

/** The members of a list, in lower case. */
function listed(value: string | readonly string[] | undefined): string[] {
  const members = [value ?? []].flat().join(',').split(',');
  return members.map((member) => member.trim().toLowerCase()).filter((member) => member !== '');
}

export function parseError(code: `HPE_${string}`, message: string): Error {
  return Object.assign(new Error(message), { code });
}
