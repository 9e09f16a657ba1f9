/** What a text says as JSON; `undefined` when it is none. The parser's own error is never shown: it quotes the text, which may be secret. */
export function jsonValue(text: string | Buffer): unknown {
  try {
    return JSON.parse(text.toString());
  } catch {
    return undefined;
  }
}
