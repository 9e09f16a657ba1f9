import { presentable } from './registry-failure.ts';
import type { Answer } from './registry-transport.ts';

/** More warnings than these are not worth anybody's time. */
const mostWarnings = 20;

/** Tells each warning of a registry once: `Warning: 299 - "text"` (distribution-spec, "Warnings"). */
export class RegistryWarnings {
  readonly #tell: (text: string) => void;
  readonly #told = new Set<string>();

  constructor(tell: (text: string) => void) {
    this.#tell = tell;
  }

  hear({ headers }: Answer): void {
    for (const header of [headers.warning ?? []].flat()) {
      for (const [, quoted = ''] of header.slice(0, 4096).matchAll(/299 - "((?:[^"\\]|\\.)*)"/g)) {
        const text = presentable(quoted.replace(/\\(.)/g, '$1'));
        if (this.#told.has(text) || this.#told.size >= mostWarnings) continue;
        this.#told.add(text);
        this.#tell(text);
      }
    }
  }
}
