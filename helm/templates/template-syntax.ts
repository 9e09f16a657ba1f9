import { lexTemplate, type TemplatePiece, TemplateSyntaxError, type TemplateToken } from './template-lexer.ts';

/** A part of a parsed template. `line` is 1-based, in the file. */
export type TemplateNode =
  | { readonly kind: 'plain'; readonly text: string; readonly line: number }
  | { readonly kind: 'print'; readonly pipe: Pipe; readonly line: number }
  | {
      readonly kind: 'if' | 'with' | 'range';
      readonly pipe: Pipe;
      readonly body: Nodes;
      readonly otherwise: Nodes;
      readonly line: number;
    }
  | { readonly kind: 'template'; readonly name: string; readonly argument: Pipe | undefined; readonly line: number }
  | { readonly kind: 'leave'; readonly line: number };

export type Nodes = readonly TemplateNode[];

/** `$key, $value := a b | c`: commands, each fed the result of the one before as its last argument. */
export interface Pipe {
  readonly variables: readonly string[];
  /** `:=` makes new variables, `=` changes those that are there. */
  readonly declares: boolean;
  readonly commands: readonly (readonly Operand[])[];
}

/** A value in a command, and the fields read from it. */
export interface Operand {
  readonly of:
    | { readonly kind: 'dot' }
    | { readonly kind: 'variable' | 'function'; readonly name: string }
    | { readonly kind: 'literal'; readonly value: unknown }
    | { readonly kind: 'pipe'; readonly pipe: Pipe };
  readonly fields: readonly string[];
}

/** A template file: what it renders, and the templates that it defines for all. */
export interface ParsedTemplate {
  readonly body: Nodes;
  readonly defined: ReadonlyMap<string, Nodes>;
}

/** Parses Go's text/template as helm feeds it. Throws TemplateSyntaxError for what is none. */
export function parseTemplate(source: string): ParsedTemplate {
  const parser = new TemplateParser(lexTemplate(source));
  const { nodes, end } = parser.parseNodes();
  if (end !== undefined) throw new TemplateSyntaxError('an end without a beginning');
  return { body: nodes, defined: parser.defined };
}

type Ending = { readonly word: 'end' | 'else'; readonly tokens: readonly TemplateToken[]; readonly line: number };

class TemplateParser {
  readonly defined = new Map<string, Nodes>();
  readonly #pieces: readonly TemplatePiece[];
  #next = 0;

  constructor(pieces: readonly TemplatePiece[]) {
    this.#pieces = pieces;
  }

  /** Nodes up to the `end` or `else` of the block they stand in, or to the end of the file. */
  parseNodes(): { nodes: Nodes; end: Ending | undefined } {
    const nodes: TemplateNode[] = [];
    for (let piece = this.#take(); piece !== undefined; piece = this.#take()) {
      if (piece.kind === 'plain') nodes.push(piece);
      else {
        const [first, ...rest] = piece.tokens;
        const word = first?.kind === 'word' ? first.text : '';
        if (word === 'end' || word === 'else') return { nodes, end: { word, tokens: rest, line: piece.line } };
        nodes.push(...this.#parseAction(word, piece.tokens, piece.line));
      }
    }
    return { nodes, end: undefined };
  }

  #take(): TemplatePiece | undefined {
    const piece = this.#pieces[this.#next];
    this.#next += 1;
    return piece;
  }

  #parseAction(word: string, tokens: readonly TemplateToken[], line: number): TemplateNode[] {
    const rest = tokens.slice(1);
    if (word === 'if' || word === 'with' || word === 'range') return [this.#parseBlock(word, rest, line)];
    if (word === 'define') return this.#define(nameIn(rest));
    if (word === 'block') return [...this.#define(nameIn(rest)), callOf(rest, line)];
    if (word === 'template') return [callOf(rest, line)];
    if ((word === 'break' || word === 'continue') && rest.length === 0) return [{ kind: 'leave', line }];
    return [{ kind: 'print', pipe: parsePipe(tokens), line }];
  }

  #parseBlock(kind: 'if' | 'with' | 'range', tokens: readonly TemplateToken[], line: number): TemplateNode {
    const pipe = parsePipe(tokens);
    const { nodes: body, end } = this.parseNodes();
    if (end === undefined) throw new TemplateSyntaxError(`"${kind}" does not end`);
    return { kind, pipe, body, otherwise: end.word === 'end' ? [] : this.#parseElse(end), line };
  }

  #parseElse({ tokens, line }: Ending): Nodes {
    const [first, ...rest] = tokens;
    if (first?.text === 'if' || first?.text === 'with') return [this.#parseBlock(first.text, rest, line)];
    return this.#untilEnd();
  }

  #define(name: string): [] {
    this.defined.set(name, this.#untilEnd());
    return [];
  }

  #untilEnd(): Nodes {
    const { nodes, end } = this.parseNodes();
    if (end?.word !== 'end') throw new TemplateSyntaxError('a block does not end');
    return nodes;
  }
}

function nameIn(tokens: readonly TemplateToken[]): string {
  const [first] = tokens;
  if (first?.kind !== 'text') throw new TemplateSyntaxError('a template without a name');
  return first.text;
}

function callOf(tokens: readonly TemplateToken[], line: number): TemplateNode {
  return {
    kind: 'template',
    name: nameIn(tokens),
    argument: tokens.length > 1 ? parsePipe(tokens.slice(1)) : undefined,
    line,
  };
}

function parsePipe(tokens: readonly TemplateToken[]): Pipe {
  const parser = new PipeParser(tokens);
  const pipe = parser.parsePipe();
  if (!parser.isAtEnd) throw new TemplateSyntaxError('a parenthesis too many');
  return pipe;
}

class PipeParser {
  readonly #tokens: readonly TemplateToken[];
  #next = 0;

  constructor(tokens: readonly TemplateToken[]) {
    this.#tokens = tokens;
  }

  get isAtEnd(): boolean {
    return this.#next >= this.#tokens.length;
  }

  parsePipe(): Pipe {
    const { variables, declares } = this.#parseDeclaration();
    const commands: Operand[][] = [];
    do commands.push(this.#parseCommand());
    while (this.#accept('|'));
    return { variables, declares, commands };
  }

  /** `$x :=`, `$k, $v :=`, `$x =`; nothing is taken where there is none. */
  #parseDeclaration(): { variables: string[]; declares: boolean } {
    const start = this.#next;
    const variables: string[] = [];
    do {
      const token = this.#tokens[this.#next];
      if (token?.kind !== 'variable') break;
      variables.push(token.text);
      this.#next += 1;
    } while (this.#accept(','));
    if (variables.length > 0 && this.#accept(':=')) return { variables, declares: true };
    if (variables.length > 0 && this.#accept('=')) return { variables, declares: false };
    this.#next = start;
    return { variables: [], declares: false };
  }

  #parseCommand(): Operand[] {
    const operands: Operand[] = [];
    while (!this.isAtEnd && !this.#isMark('|') && !this.#isMark(')')) operands.push(this.#parseOperand());
    if (operands.length === 0) throw new TemplateSyntaxError('an empty command');
    return operands;
  }

  #parseOperand(): Operand {
    const token = this.#tokens[this.#next];
    this.#next += 1;
    if (token === undefined) throw new TemplateSyntaxError('an operand is missing');
    if (token.kind === 'field') return { of: { kind: 'dot' }, fields: [token.text, ...this.#parseFields()] };
    return { of: this.#sourceOf(token), fields: this.#parseFields() };
  }

  #sourceOf(token: TemplateToken): Operand['of'] {
    if (token.kind === 'text') return { kind: 'literal', value: token.text };
    if (token.kind === 'number') return { kind: 'literal', value: Number(token.text) };
    if (token.kind === 'variable') return { kind: 'variable', name: token.text };
    if (token.kind === 'dot') return { kind: 'dot' };
    if (token.kind === 'word') return wordOf(token.text);
    if (token.text !== '(') throw new TemplateSyntaxError(`"${token.text}" is no operand`);
    const pipe = this.parsePipe();
    if (!this.#accept(')')) throw new TemplateSyntaxError('a parenthesis is not closed');
    return { kind: 'pipe', pipe };
  }

  #parseFields(): string[] {
    const fields: string[] = [];
    for (let token = this.#tokens[this.#next]; token?.kind === 'field' && !token.spaced; token = this.#tokens[this.#next]) {
      fields.push(token.text);
      this.#next += 1;
    }
    return fields;
  }

  #isMark(text: string): boolean {
    const token = this.#tokens[this.#next];
    return token?.kind === 'mark' && token.text === text;
  }

  #accept(text: string): boolean {
    const found = this.#isMark(text);
    if (found) this.#next += 1;
    return found;
  }
}

function wordOf(word: string): Operand['of'] {
  if (word === 'true' || word === 'false') return { kind: 'literal', value: word === 'true' };
  return word === 'nil' ? { kind: 'literal', value: null } : { kind: 'function', name: word };
}
