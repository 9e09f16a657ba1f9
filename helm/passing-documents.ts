import { type ParsedDocuments, readManifests } from './manifest-stream.ts';
import { deriveSession, type RenderSession } from './render-session.ts';

/** Documents that are known already, while new ones are forgotten with this. */
class PassingDocuments extends Map<string, readonly unknown[]> {
  readonly #known: ParsedDocuments;

  constructor(known: ParsedDocuments) {
    super();
    this.#known = known;
  }

  override get(text: string): readonly unknown[] | undefined {
    return this.#known.get(text) ?? super.get(text);
  }
}

/** The same session, which keeps no document of what it reads: a probe's come but once, and are many. */
export function withoutKeeping(session: RenderSession): RenderSession {
  return deriveSession(session, { read: (stream) => readManifests(stream, new PassingDocuments(session.documents)) });
}
