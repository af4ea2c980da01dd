// The tokens' colours as a canvas can use them.

export interface Palette {
  page: string;
  card: string;
  sunken: string;
  line: string;
  edge: string;
  faint: string;
  text: string;
  strong: string;
  accent: string;
  accentSoft: string;
  warn: string;
  /** The eight that tell things apart. */
  hues: string[];
  mono: string;
  sans: string;
}

/** Reads what the tokens are now, in the theme that is on. */
export function readPalette(at: Element): Palette {
  const probe = document.createElement("span");
  at.append(probe);
  const colour = (token: string) => {
    probe.style.color = `var(--${token})`;
    return getComputedStyle(probe).color;
  };
  const style = getComputedStyle(document.documentElement);
  const palette: Palette = {
    page: colour("n1"),
    card: colour("n2"),
    sunken: colour("n3"),
    line: colour("n4"),
    edge: colour("n5"),
    faint: colour("n6"),
    text: colour("n7"),
    strong: colour("n8"),
    accent: colour("accent"),
    accentSoft: colour("accent-soft"),
    warn: colour("warn"),
    hues: [1, 2, 3, 4, 5, 6, 7, 8].map((hue) => colour(`c${hue}`)),
    mono: style.getPropertyValue("--mono"),
    sans: style.getPropertyValue("--sans"),
  };
  probe.remove();
  return palette;
}
