// JSON as it was written: numbers keep their digits, keys their order, duplicates stay. JSON.parse would round
// 9007199254740993 to ...992, so record values never go through it.

export type Json =
  | { kind: "object"; entries: [string, Json][] }
  | { kind: "array"; items: Json[] }
  | { kind: "string"; value: string }
  /** `text` is what stands in the record, digit by digit. */
  | { kind: "number"; text: string }
  | { kind: "literal"; text: "true" | "false" | "null" };

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids them in a string.
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const SPACE = /[ \t\r\n]*/y;
const LITERAL = /true|false|null/y;
const DEPTH_MAX = 200;

class Malformed extends Error {}

class Reader {
  private at = 0;
  constructor(private readonly text: string) {}

  document(): Json {
    const value = this.value(0);
    this.match(SPACE);
    if (this.at !== this.text.length) throw new Malformed();
    return value;
  }

  private match(pattern: RegExp): string | null {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (!found) return null;
    this.at = pattern.lastIndex;
    return found[0];
  }

  private take(character: string): boolean {
    this.match(SPACE);
    if (this.text[this.at] !== character) return false;
    this.at += 1;
    return true;
  }

  private string(): string {
    this.match(SPACE);
    const raw = this.match(STRING);
    if (raw === null) throw new Malformed();
    // Only the escapes of one string are left to JSON.parse, no number.
    return JSON.parse(raw) as string;
  }

  private value(depth: number): Json {
    if (depth > DEPTH_MAX) throw new Malformed();
    this.match(SPACE);
    const next = this.text[this.at];
    if (next === "{") return this.object(depth);
    if (next === "[") return this.array(depth);
    if (next === '"') return { kind: "string", value: this.string() };
    const literal = this.match(LITERAL);
    if (literal !== null) return { kind: "literal", text: literal as "true" | "false" | "null" };
    const number = this.match(NUMBER);
    if (number !== null) return { kind: "number", text: number };
    throw new Malformed();
  }

  private object(depth: number): Json {
    const entries: [string, Json][] = [];
    this.take("{");
    if (this.take("}")) return { kind: "object", entries };
    do {
      const key = this.string();
      if (!this.take(":")) throw new Malformed();
      entries.push([key, this.value(depth + 1)]);
    } while (this.take(","));
    if (!this.take("}")) throw new Malformed();
    return { kind: "object", entries };
  }

  private array(depth: number): Json {
    const items: Json[] = [];
    this.take("[");
    if (this.take("]")) return { kind: "array", items };
    do items.push(this.value(depth + 1));
    while (this.take(","));
    if (!this.take("]")) throw new Malformed();
    return { kind: "array", items };
  }
}

/** The document, or null where the text is not JSON. */
export function readJson(text: string): Json | null {
  try {
    return new Reader(text).document();
  } catch (error) {
    if (error instanceof Malformed) return null;
    throw error;
  }
}

/** True where showing it as a tree says more than the text. */
export function isStructured(json: Json | null): json is Json & { kind: "object" | "array" } {
  return json !== null && (json.kind === "object" || json.kind === "array");
}

/** Whether a text is meant to be an object or an array, well-formed or not. */
export function looksLikeJson(text: string): boolean {
  return /^\s*[[{]/.test(text);
}
