import type { Condition } from '../gates/gate-condition.ts';
import { choice, nothing, type Term } from './template-term.ts';

/** The variables of a block, and those of the blocks around it. */
export class Variables {
  readonly #outer: Variables | undefined;
  readonly #own = new Map<string, { term: Term; readonly guard: Condition }>();

  constructor(outer: Variables | undefined) {
    this.#outer = outer;
  }

  declare(name: string, term: Term, guard: Condition): void {
    this.#own.set(name, { term, guard });
  }

  get(name: string): Term {
    return this.#own.get(name)?.term ?? this.#outer?.get(name) ?? nothing;
  }

  /** Changed in a branch, the variable is the one or the other from there on. */
  assign(name: string, term: Term, guard: Condition): void {
    const own = this.#own.get(name);
    if (own === undefined) this.#outer?.assign(name, term, guard);
    else own.term = own.guard === guard ? term : choice(guard, term, own.term);
  }
}
