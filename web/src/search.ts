// Search parameters as plain text: what stands in the address is what a page gets, and a 64-bit offset in it
// stays text. Each page's validator takes what it understands and drops the rest.

export type Raw = { [name: string]: unknown };

/** `?a=1&b=x&b=y` as `{a: "1", b: ["x", "y"]}`. */
export function parseSearch(text: string): { [name: string]: string | string[] } {
  const found: { [name: string]: string | string[] } = {};
  for (const [name, value] of new URLSearchParams(text)) {
    const before = found[name];
    if (before === undefined) found[name] = value;
    else if (Array.isArray(before)) before.push(value);
    else found[name] = [before, value];
  }
  return found;
}

export function stringifySearch(search: Raw): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(search)) {
    if (value === undefined || value === null || value === "" || value === false) continue;
    for (const one of Array.isArray(value) ? value : [value]) params.append(name, String(one));
  }
  // What is legal in a query stays readable: `from=offset:-100`, `view=0@42`, `partitions=0,2`.
  const text = params
    .toString()
    .replace(/%3A/gi, ":")
    .replace(/%40/g, "@")
    .replace(/%2C/gi, ",")
    .replace(/%2F/gi, "/");
  return text ? `?${text}` : "";
}

export function text(raw: Raw, name: string): string | undefined {
  const value = raw[name];
  if (typeof value === "string" && value !== "") return value;
  return typeof value === "number" ? String(value) : undefined;
}

export function texts(raw: Raw, name: string): string[] | undefined {
  const value = raw[name];
  const list = Array.isArray(value) ? value : value === undefined ? [] : [value];
  const kept = list.filter((one): one is string => typeof one === "string" && one !== "");
  return kept.length > 0 ? kept : undefined;
}

export function whole(raw: Raw, name: string): number | undefined {
  const value = Number(text(raw, name));
  return Number.isSafeInteger(value) && value >= 0 && text(raw, name) !== undefined ? value : undefined;
}

export function flag(raw: Raw, name: string): true | undefined {
  const value = raw[name];
  return value === "true" || value === true ? true : undefined;
}

export function oneOf<T extends string>(raw: Raw, name: string, allowed: readonly T[]): T | undefined {
  const value = raw[name];
  return allowed.find((one) => one === value);
}

/** `field` or `-field`. */
export function sort(raw: Raw, allowed: readonly string[]): string | undefined {
  const value = text(raw, "sort");
  return value && allowed.includes(value.replace(/^-/, "")) ? value : undefined;
}

/** Says that every parameter may be left out of a link. */
export function optional<T extends object>(found: T): Partial<T> {
  return found;
}
