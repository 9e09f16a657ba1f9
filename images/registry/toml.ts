/** A value of the TOML that registries are configured by. */
export type TomlValue = string | boolean | number | readonly TomlValue[] | TomlTable;
export interface TomlTable {
  [key: string]: TomlValue;
}

/**
 * Reads the part of TOML 1.0 that `hosts.toml` and `registries.conf` are written in: tables, arrays of tables, quoted and bare keys,
 * one-line strings, integers, booleans, arrays and inline tables. Throws an Error that names the line for everything else: what is
 * not understood must not be skipped, since it may say where bytes come from.
 */
export function parseToml(text: string): TomlTable {
  return new TomlReader(text).document();
}

const forbidden = new Set(['__proto__', 'constructor', 'prototype']);

class TomlReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n');
  }

  document(): TomlTable {
    const root: TomlTable = Object.create(null);
    let table = root;
    for (this.#skip(true); this.#at < this.#text.length; this.#skip(true)) {
      if (this.#take('[[')) table = this.#header(root, ']]');
      else if (this.#take('[')) table = this.#header(root, ']');
      else this.#pair(table);
      this.#skip(false);
      if (this.#at < this.#text.length && this.#text[this.#at] !== '\n') throw this.#error('something behind the value');
    }
    return root;
  }

  #header(root: TomlTable, close: ']' | ']]'): TomlTable {
    const keys = this.#keys();
    if (!this.#take(close)) throw this.#error(`no "${close}"`);
    const last = keys.pop() ?? '';
    let table = root;
    for (const key of keys) table = this.#descend(table, key);
    if (close === ']') return this.#descend(table, last);
    table[last] ??= [];
    const list = table[last];
    if (!Array.isArray(list)) throw this.#error(`"${last}" is no list of tables`);
    const added: TomlTable = Object.create(null);
    list.push(added);
    return added;
  }

  #descend(table: TomlTable, key: string): TomlTable {
    table[key] ??= Object.create(null) as TomlTable;
    const next = table[key];
    const found = Array.isArray(next) ? next.at(-1) : next;
    if (typeof found !== 'object' || found === null || Array.isArray(found)) throw this.#error(`"${key}" is no table`);
    return found as TomlTable;
  }

  #pair(table: TomlTable): void {
    const keys = this.#keys();
    const last = keys.pop() ?? '';
    let inner = table;
    for (const key of keys) inner = this.#descend(inner, key);
    this.#skip(false);
    if (!this.#take('=')) throw this.#error('no "="');
    this.#skip(false);
    if (inner[last] !== undefined) throw this.#error(`"${last}" is there twice`);
    inner[last] = this.#value();
  }

  #keys(): string[] {
    const keys: string[] = [];
    do {
      this.#skip(false);
      const key = this.#string() ?? this.#match(/[A-Za-z0-9_-]+/y);
      if (key === undefined || forbidden.has(key)) throw this.#error('no key');
      keys.push(key);
      this.#skip(false);
    } while (this.#take('.'));
    return keys;
  }

  #value(): TomlValue {
    const text = this.#string();
    if (text !== undefined) return text;
    if (this.#take('[')) return this.#list();
    if (this.#take('{')) return this.#inline();
    const word = this.#match(/true|false|[+-]?\d+(?![\d.:eE_-])/y);
    if (word === undefined) throw this.#error('a value that is not understood');
    return word === 'true' ? true : word === 'false' ? false : Number(word);
  }

  #list(): TomlValue[] {
    const values: TomlValue[] = [];
    for (this.#skip(true); !this.#take(']'); this.#skip(true)) {
      values.push(this.#value());
      this.#skip(true);
      if (!this.#take(',') && this.#text[this.#at] !== ']') throw this.#error('no "]"');
    }
    return values;
  }

  #inline(): TomlTable {
    const table: TomlTable = Object.create(null);
    for (this.#skip(false); !this.#take('}'); this.#skip(false)) {
      this.#pair(table);
      this.#skip(false);
      if (!this.#take(',') && this.#text[this.#at] !== '}') throw this.#error('no "}"');
    }
    return table;
  }

  #string(): string | undefined {
    if (this.#text.startsWith('"""', this.#at) || this.#text.startsWith("'''", this.#at))
      throw this.#error('a string of several lines, which is not read here');
    const literal = this.#match(/'[^'\n]*'/y);
    if (literal !== undefined) return literal.slice(1, -1);
    const quoted = this.#match(/"(?:[^"\\\n]|\\.)*"/y);
    if (quoted === undefined) return undefined;
    try {
      return JSON.parse(quoted);
    } catch {
      throw this.#error('an escape that is not understood');
    }
  }

  #skip(lines: boolean): void {
    this.#match(lines ? /(?:[ \t\n]|#[^\n]*)*/y : /[ \t]*(?:#[^\n]*)?/y);
  }

  #take(text: string): boolean {
    const found = this.#text.startsWith(text, this.#at);
    if (found) this.#at += text.length;
    return found;
  }

  #match(expression: RegExp): string | undefined {
    expression.lastIndex = this.#at;
    const found = expression.exec(this.#text)?.[0];
    this.#at += found?.length ?? 0;
    return found;
  }

  #error(what: string): Error {
    return new Error(`line ${this.#text.slice(0, this.#at).split('\n').length}: ${what}`);
  }
}
