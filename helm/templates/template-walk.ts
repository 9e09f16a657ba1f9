import { matchesGlob } from 'node:path';
import { always, and, type Condition, never, not, unknown } from '../gates/gate-condition.ts';
import type { GateWorld } from '../gates/gate-world.ts';
import { formatPath, getAt, type Path } from '../values-path.ts';
import { callFunction, type FunctionContext } from './template-functions.ts';
import { loopItems, type ValueUse } from './template-loops.ts';
import type { Nodes, Operand, Pipe, TemplateNode } from './template-syntax.ts';
import { parseTemplate } from './template-syntax.ts';
import { fieldOf, known, nothing, opaque, type Part, type Term, truthOf } from './template-term.ts';
import { Variables } from './template-variables.ts';

/** A template that others call by name. */
export interface DefinedTemplate {
  readonly nodes: Nodes;
  /** `shop/templates/_helpers.tpl`. */
  readonly file: string;
}

/** What a template prints, and when the chart refuses to render. */
export interface Walked {
  readonly parts: readonly Part[];
  readonly refusals: readonly Condition[];
}

/** Where a walk stands. */
interface Frame {
  readonly dot: Term;
  readonly variables: Variables;
  readonly guard: Condition;
  readonly file: string;
  readonly parts: Part[];
  readonly refusals: Condition[];
  /** When `break` or `continue` has left the innermost loop. */
  readonly loop: { left: Condition };
}

const deepest = 20;
const mostSteps = 120_000;

/**
 * Walks templates without rendering them: every branch is entered, under the condition that opens it. A template that calls itself is
 * followed twice, and a walk of more than 120,000 steps ends where it is.
 */
export class TemplateWalk {
  readonly uses = new Map<string, ValueUse>();
  /** Every condition that a block of a template asks. */
  readonly conditions = new Set<Condition>();
  readonly #defined: ReadonlyMap<string, DefinedTemplate>;
  readonly #world: GateWorld;
  readonly #walked = new Map<Term, Map<string, Walked>>();
  readonly #printed = new Map<readonly Part[], string | undefined>();
  readonly #stack: string[] = [];
  #steps = 0;

  constructor(defined: ReadonlyMap<string, DefinedTemplate>, world: GateWorld) {
    this.#defined = defined;
    this.#world = world;
  }

  /** True when the walk was too long to be finished. */
  get isExhausted(): boolean {
    return this.#steps > mostSteps;
  }

  /** What `nodes` print for `dot`. */
  walk(nodes: Nodes, dot: Term, file: string): Walked {
    const variables = new Variables(undefined);
    variables.declare('$', dot, always);
    const frame: Frame = { dot, variables, guard: always, file, parts: [], refusals: [], loop: { left: never } };
    this.#walkNodes(nodes, frame);
    return frame;
  }

  #walkNodes(nodes: Nodes, frame: Frame): void {
    for (const node of nodes) {
      this.#steps += 1;
      if (this.isExhausted) return;
      const { left } = frame.loop;
      this.#walkNode(node, left === never ? frame : { ...frame, guard: and(frame.guard, not(left)) });
    }
  }

  #walkNode(node: TemplateNode, frame: Frame): void {
    const where = `${frame.file}:${node.line}`;
    if (node.kind === 'plain') frame.parts.push({ guard: frame.guard, term: known(node.text), where });
    else if (node.kind === 'leave') frame.loop.left = frame.loop.left === never ? frame.guard : unknown;
    else if (node.kind === 'template') {
      const term = this.#include(node.name, node.argument === undefined ? nothing : this.#evaluate(node.argument, frame), frame);
      frame.parts.push({ guard: frame.guard, term, where });
    } else if (node.kind === 'print') this.#print(node.pipe, frame, where);
    else this.#walkBlock(node, frame);
  }

  #print(pipe: Pipe, frame: Frame, where: string): void {
    const term = this.#evaluate(pipe, frame);
    const [name] = pipe.variables;
    if (name === undefined) {
      if (!isDump(pipe)) this.#markPrinted(term, frame.guard);
      frame.parts.push({ guard: frame.guard, term, where });
    } else if (pipe.declares) frame.variables.declare(name, term, frame.guard);
    else frame.variables.assign(name, term, frame.guard);
  }

  #markPrinted(term: Term, guard: Condition): void {
    if (term.kind === 'choice') for (const one of [term.then, term.otherwise]) this.#markPrinted(one, and(guard, term.when));
    for (const shown of term.kind === 'opaque' ? term.shows : [term]) {
      if (shown.kind !== 'value') continue;
      const use = this.#useOf(shown.path);
      if (!asksFor(guard, formatPath(shown.path))) use.printed = 'always';
      else use.printed ??= 'set';
    }
  }

  #walkBlock(node: TemplateNode & { kind: 'if' | 'with' | 'range' }, frame: Frame): void {
    const variables = new Variables(frame.variables);
    const inner = { ...frame, variables };
    const term = this.#evaluate(node.pipe, inner);
    const opens = truthOf(term);
    this.conditions.add(opens);
    if (node.kind === 'range') this.#walkItems(node.pipe, term, node.body, inner);
    else {
      const [name] = node.pipe.variables;
      if (name !== undefined) variables.declare(name, term, frame.guard);
      this.#walkBranch(node.body, { ...inner, dot: node.kind === 'with' ? term : frame.dot }, opens);
    }
    this.#walkBranch(node.otherwise, { ...inner, variables: new Variables(variables) }, not(opens));
  }

  #walkBranch(nodes: Nodes, frame: Frame, opens: Condition): void {
    const guard = and(frame.guard, opens);
    if (guard.kind !== 'never') this.#walkNodes(nodes, { ...frame, guard });
  }

  #walkItems(pipe: Pipe, term: Term, body: Nodes, frame: Frame): void {
    const context = { values: this.#world.values, useOf: (path: Path) => this.#useOf(path) };
    for (const { key, item, opens } of loopItems(term, pipe.variables.length > 1, context)) {
      const variables = new Variables(frame.variables);
      const names = pipe.variables;
      if (names.length > 1) variables.declare(names[0] ?? '', key, frame.guard);
      const last = names.at(-1);
      if (last !== undefined) variables.declare(last, item, frame.guard);
      this.#walkBranch(body, { ...frame, variables, dot: item, loop: { left: never } }, opens);
    }
  }

  #evaluate(pipe: Pipe, frame: Frame): Term {
    let result: Term | undefined;
    for (const command of pipe.commands) result = this.#run(command, result, frame);
    return result ?? nothing;
  }

  /** A command: a function, a method, or a value alone. `fed` is what the command before it in the pipe gave. */
  #run(command: readonly Operand[], fed: Term | undefined, frame: Frame): Term {
    const [first, ...rest] = command;
    if (first === undefined) return nothing;
    const operands = (): Term[] => [...rest.map((operand) => this.#read(operand, frame)), ...(fed === undefined ? [] : [fed])];
    if (first.of.kind === 'function') return this.#call(first.of.name, operands(), first.fields, frame);
    const method = first.of.kind === 'pipe' ? undefined : first.fields.at(-1);
    const receiver = method === undefined ? undefined : this.#readFields(first, first.fields.slice(0, -1), frame);
    if (receiver !== undefined && (receiver.kind === 'files' || receiver.kind === 'cluster')) {
      return callMethod(
        receiver,
        method ?? '',
        operands().map((term) => this.#asDeployed(term)),
      );
    }
    return this.#read(first, frame);
  }

  #read(operand: Operand, frame: Frame): Term {
    return this.#readFields(operand, operand.fields, frame);
  }

  #readFields(operand: Operand, fields: readonly string[], frame: Frame): Term {
    let term = this.#sourceOf(operand, frame);
    for (const field of fields) {
      if (term.kind === 'value') this.#useOf(term.path).children.add(field);
      term = fieldOf(term, field);
    }
    return term;
  }

  #sourceOf({ of }: Operand, frame: Frame): Term {
    if (of.kind === 'dot') return frame.dot;
    if (of.kind === 'variable') return frame.variables.get(of.name);
    if (of.kind === 'literal') return known(of.value);
    return of.kind === 'pipe' ? this.#evaluate(of.pipe, frame) : this.#call(of.name, [], [], frame);
  }

  #call(name: string, operands: readonly Term[], fields: readonly string[], frame: Frame): Term {
    const context: FunctionContext = {
      guard: frame.guard,
      asDeployed: (term) => this.#asDeployed(term),
      include: (template, dot) => this.#include(template, dot, frame),
      render: (text, dot) => this.#render(text, dot, frame),
      refuse: (condition) => frame.refusals.push(and(frame.guard, condition)),
    };
    return fields.reduce(fieldOf, callFunction(name, operands, context));
  }

  #include(name: string, dot: Term, frame: Frame): Term {
    const template = this.#defined.get(name);
    const again = this.#stack.filter((other) => other === name).length;
    if (template === undefined || again > 1 || this.#stack.length > deepest) return opaque;
    const forDot = this.#walked.get(dot) ?? new Map<string, Walked>();
    this.#walked.set(dot, forDot);
    const walked = forDot.get(name) ?? this.#walkNamed(name, template, dot);
    forDot.set(name, walked);
    return outputOf(walked, frame);
  }

  #walkNamed(name: string, { nodes, file }: DefinedTemplate, dot: Term): Walked {
    this.#stack.push(name);
    try {
      return this.walk(nodes, dot, file);
    } finally {
      this.#stack.pop();
    }
  }

  /** `tpl`: a text with actions in it is walked like a template of its own. */
  #render(text: Term, dot: Term, frame: Frame): Term {
    const source = this.#asDeployed(text);
    if (typeof source !== 'string' || !source.includes('{{') || this.#stack.length > deepest) return text;
    try {
      const { body } = parseTemplate(source);
      return outputOf(this.#walkNamed('tpl', { nodes: body, file: frame.file }, dot), frame);
    } catch {
      return text;
    }
  }

  #asDeployed(term: Term): unknown {
    switch (term.kind) {
      case 'known':
        return term.value;
      case 'value':
        return getAt(this.#world.values, term.path);
      case 'truth':
        return this.#world.holds(term.condition);
      case 'choice': {
        const when = this.#world.holds(term.when);
        return when === undefined ? undefined : this.#asDeployed(when ? term.then : term.otherwise);
      }
      case 'output':
        if (!this.#printed.has(term.parts)) this.#printed.set(term.parts, this.#printedAsDeployed(term.parts));
        return this.#printed.get(term.parts);
      default:
        return undefined;
    }
  }

  #printedAsDeployed(parts: readonly Part[]): string | undefined {
    let text = '';
    for (const { guard, term } of parts) {
      const holds = this.#world.holds(guard);
      if (holds === false) continue;
      const part = this.#asDeployed(term);
      if (holds === undefined || (typeof part !== 'string' && typeof part !== 'number' && typeof part !== 'boolean'))
        return undefined;
      text += part;
    }
    return text;
  }

  #useOf(path: Path): ValueUse {
    const key = formatPath(path);
    const use = this.uses.get(key) ?? { children: new Set() };
    this.uses.set(key, use);
    return use;
  }
}

/** The value is only printed where it is set. */
function asksFor(guard: Condition, path: string): boolean {
  if (guard.kind === 'and') return guard.all.some((condition) => asksFor(condition, path));
  return guard.kind === 'value' && formatPath(guard.path) === path;
}

/** A list or map written out whole; nothing says what has to be in it. */
function isDump({ commands }: Pipe): boolean {
  return commands.some(
    ([first]) => first?.of.kind === 'function' && /^to(?:Yaml|Json|Toml|RawJson|PrettyJson)/.test(first.of.name),
  );
}

function outputOf({ parts, refusals }: Walked, frame: Frame): Term {
  for (const refusal of refusals) frame.refusals.push(and(frame.guard, refusal));
  return { kind: 'output', parts };
}

/** The methods of `.Files` and `.Capabilities.APIVersions`. */
function callMethod(receiver: Term & { kind: 'files' | 'cluster' }, method: string, [first]: readonly unknown[]): Term {
  if (receiver.kind === 'cluster') {
    if (method !== 'Has') return fieldOf(receiver, method);
    return { kind: 'truth', condition: typeof first === 'string' ? { kind: 'api', version: first } : unknown };
  }
  if (method === 'AsConfig' || method === 'AsSecrets') return known(textsOf(receiver.files).join('\n'));
  if (typeof first !== 'string') return opaque;
  const text = receiver.files.get(first)?.toString('utf8') ?? '';
  if (method === 'Get' || method === 'GetBytes') return known(text);
  if (method === 'Lines') return known(text.split('\n'));
  if (method !== 'Glob') return opaque;
  return { kind: 'files', files: new Map([...receiver.files].filter(([path]) => matchesGlob(path, first))) };
}

/** Files larger than this say nothing of what a chart deploys, and cost time. */
const largestFile = 200_000;

function textsOf(files: ReadonlyMap<string, Buffer>): string[] {
  return [...files.values()].filter(({ length }) => length <= largestFile).map((body) => body.toString('utf8'));
}
