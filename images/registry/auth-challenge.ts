/** What a registry wants before it answers (RFC 9110 11.6.1, and the token specification of distribution). */
export type Challenge =
  | { readonly scheme: 'basic' }
  | {
      readonly scheme: 'bearer';
      readonly realm: string;
      readonly service?: string;
      readonly scopes: readonly string[];
      /** `insufficient_scope`: the token that was sent is good, and not for this. */
      readonly error?: string;
    };

/**
 * The challenge to answer among those of one or several `WWW-Authenticate` headers: Bearer before Basic (a registry that
 * offers both may accept Basic for its web pages only). `undefined` when there is none we know.
 */
export function chooseChallenge(headers: string | readonly string[] | undefined): Challenge | undefined {
  const challenges = [headers ?? []].flat().flatMap(parseChallenges);
  return challenges.find(({ scheme }) => scheme === 'bearer') ?? challenges.find(({ scheme }) => scheme === 'basic');
}

// One header may hold several challenges: `Basic realm="x", Bearer realm="y",service="z"`. A scheme is a token followed by white
// space (or the end) and not by "=". Sticky expressions read from left to right, so no input takes more than linear time.
const space = /[\s,]*/y;
const scheme = /([A-Za-z0-9!#$%&'*+.^_`|~-]{1,64})(?=\s|,|$)/y;
const parameter = /([A-Za-z0-9!#$%&'*+.^_`|~-]{1,64})\s{0,8}=\s{0,8}(?:"((?:[^"\\]|\\.){0,4096})"|([^\s,"]{1,4096}))/y;
/** What Negotiate and NTLM send in place of parameters. */
const token68 = /[A-Za-z0-9._~+/-]{1,4096}=*(?=\s|,|$)/y;

function parseChallenges(header: string): Challenge[] {
  const found: { scheme: string; parameters: Map<string, string> }[] = [];
  for (let at = 0; at < header.length; ) {
    at += matchAt(space, header, at)?.[0].length ?? 0;
    const pair = matchAt(parameter, header, at);
    if (pair !== undefined) {
      const [text, name = '', quoted, plain = ''] = pair;
      found.at(-1)?.parameters.set(name.toLowerCase(), quoted?.replace(/\\(.)/g, '$1') ?? plain);
      at += text.length;
      continue;
    }
    const name = matchAt(scheme, header, at)?.[1];
    if (name !== undefined) found.push({ scheme: name.toLowerCase(), parameters: new Map() });
    const length = name?.length ?? matchAt(token68, header, at)?.[0].length ?? 0;
    if (length === 0) break;
    at += length;
  }
  return found.flatMap(({ scheme, parameters }) => known(scheme, parameters));
}

function known(scheme: string, parameters: ReadonlyMap<string, string>): Challenge[] {
  if (scheme === 'basic') return [{ scheme: 'basic' }];
  const realm = parameters.get('realm');
  if (scheme !== 'bearer' || realm === undefined) return [];
  const service = parameters.get('service');
  const scopes =
    parameters
      .get('scope')
      ?.split(' ')
      .filter((scope) => scope !== '') ?? [];
  const error = parameters.get('error');
  return [
    { scheme: 'bearer', realm, ...(service === undefined ? {} : { service }), scopes, ...(error === undefined ? {} : { error }) },
  ];
}

function matchAt(expression: RegExp, text: string, at: number): RegExpExecArray | undefined {
  expression.lastIndex = at;
  return expression.exec(text) ?? undefined;
}
