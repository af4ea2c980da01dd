// The colours of both themes against WCAG 2.2 AA, read from the one file that has them.

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const css = readFileSync(new URL("./tokens.css", import.meta.url), "utf8");
type Colour = [number, number, number];

function tokens(): Map<string, { light: Colour; dark: Colour }> {
  const number = "([\\d.]+)";
  const colour = `oklch\\(${number} ${number} ${number}\\)`;
  const found = new Map<string, { light: Colour; dark: Colour }>();
  for (const match of css.matchAll(new RegExp(`--([\\w-]+): light-dark\\(${colour}, ${colour}\\)`, "g"))) {
    const [, name, ...numbers] = match;
    const [a, b, c, d, e, f] = numbers.map(Number) as [number, number, number, number, number, number];
    found.set(name as string, { light: [a, b, c], dark: [d, e, f] });
  }
  return found;
}

/** Linear sRGB, cut to what a screen can show. */
function linear([lightness, chroma, hue]: Colour): Colour {
  const a = chroma * Math.cos((hue * Math.PI) / 180);
  const b = chroma * Math.sin((hue * Math.PI) / 180);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const rgb = [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
  return rgb.map((part) => Math.min(1, Math.max(0, part))) as Colour;
}

function luminance(colour: Colour): number {
  const [red, green, blue] = linear(colour);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: Colour, other: Colour): number {
  const [high, low] = [luminance(one), luminance(other)].sort((a, b) => b - a) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

const all = tokens();
const get = (name: string, theme: "light" | "dark"): Colour => {
  const token = all.get(name);
  if (!token) throw new Error(`no token --${name}`);
  return token[theme];
};

const TEXT: [string, string[]][] = [
  ["n8", ["n1", "n2", "n3", "accent-soft", "warn-soft", "danger-soft"]],
  ["n7", ["n1", "n2", "n3", "accent-soft"]],
  ["n6", ["n1", "n2", "n3", "accent-soft"]],
  ["accent", ["n1", "n2", "n3", "accent-soft"]],
  ["warn", ["n1", "n2", "warn-soft"]],
  ["danger", ["n1", "n2", "danger-soft"]],
  ["on-accent", ["accent", "accent-strong"]],
  ["on-danger", ["danger"]],
  ...["c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8"].map(
    (name) => [name, ["n2", "accent-soft"]] as [string, string[]],
  ),
];

describe.each(["light", "dark"] as const)("the %s theme", (theme) => {
  it.each(TEXT)("lets one read %s on what lies under it", (text, grounds) => {
    for (const ground of grounds) {
      expect(contrast(get(text, theme), get(ground, theme)), `${text} on ${ground}`).toBeGreaterThanOrEqual(
        4.5,
      );
    }
  });

  it("shows where a field begins", () => {
    for (const ground of ["n1", "n2"]) {
      expect(contrast(get("n5", theme), get(ground, theme)), `n5 on ${ground}`).toBeGreaterThanOrEqual(3);
    }
  });

  it("shows the focus on every ground", () => {
    for (const ground of ["n1", "n2", "n3"]) {
      expect(contrast(get("accent", theme), get(ground, theme))).toBeGreaterThanOrEqual(3);
    }
  });
});
