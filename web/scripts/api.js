// api.js [--check] [FILE]: writes src/api/schema.ts, the types of what the broker's API says, from its OpenAPI document.
// --check only says whether they are what the document gives.

import { readFileSync, writeFileSync } from "node:fs";

const args = process.argv.slice(2).filter((arg) => arg !== "--check");
const here = (path) => new URL(path, import.meta.url).pathname;
const document = JSON.parse(readFileSync(args[0] ?? here("../../docs/reference/console-api.json"), "utf8"));
const target = here("../src/api/schema.ts");

const nameOf = (ref) => identifier(ref.slice(ref.lastIndexOf("/") + 1));
const identifier = (name) => name.replace(/\W+/g, "_");

/** A schema as a type. */
function type(schema) {
  if (schema.$ref) return nameOf(schema.$ref);
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(" | ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  const either = schema.oneOf ?? schema.anyOf;
  if (either) return [...new Set(either.map(type))].join(" | ");
  if (schema.allOf) return schema.allOf.map((one) => `(${type(one)})`).join(" & ");
  if (Array.isArray(schema.type)) {
    return schema.type.map((one) => type({ ...schema, type: one })).join(" | ");
  }
  switch (schema.type) {
    case "string":
      return "string";
    case "boolean":
      return "boolean";
    case "integer":
    case "number":
      return "number";
    case "null":
      return "null";
    case "array":
      return `${grouped(type(schema.items ?? {}))}[]`;
    default:
      return objectType(schema);
  }
}

const grouped = (text) => (/^\w+$/.test(text) ? text : `(${text})`);

function objectType(schema) {
  if (schema.properties) {
    const required = new Set(schema.required ?? []);
    const lines = Object.entries(schema.properties).map(([name, one]) => {
      // What may be null is always there.
      const shape = type(one);
      const mark = required.has(name) || /\bnull\b/.test(shape) ? "" : "?";
      return `${comment(one.description)}${name}${mark}: ${shape};`;
    });
    return `{\n${lines.join("\n")}\n}`;
  }
  if (schema.additionalProperties) return `{ [name: string]: ${type(schema.additionalProperties)} }`;
  return "unknown";
}

function comment(text) {
  return text ? `/** ${text.replaceAll("*/", "* /").replace(/\s+/g, " ").trim()} */\n` : "";
}

const parts = [
  "// What the broker's API says. Written by scripts/api.js from docs/reference/console-api.json.\n",
];
for (const [name, schema] of Object.entries(document.components.schemas)) {
  // 64-bit integers are decimal text.
  const body = name === "Long" ? "string" : type(schema);
  parts.push(`${comment(schema.description)}export type ${identifier(name)} = ${body};\n`);
}
const routes = Object.keys(document.paths).map((path) => JSON.stringify(path.replace("/api/v1", "")));
parts.push(
  `/** The routes that there are. */\nexport const ROUTES: ReadonlySet<string> = new Set([${routes.join(", ")}]);\n`,
);
const written = parts.join("\n");

if (process.argv.includes("--check")) {
  // The formatter has been over what is committed, so only the words are compared.
  const words = (text) => text.replace(/[\s;,|()]+/g, "");
  if (words(readFileSync(target, "utf8")) !== words(written)) {
    console.error(
      "src/api/schema.ts is not what the document gives: node scripts/api.js && npx biome check --write src/api",
    );
    process.exit(1);
  }
} else {
  writeFileSync(target, written);
}
