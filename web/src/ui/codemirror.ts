// The editor itself, loaded when somebody is about to type: CodeMirror, dressed in the console's tokens.
//
// It lives in a shadow root: there its styles are constructed sheets, which the content security policy lets through;
// in the page they would be <style> elements, which it does not.

import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { json } from "@codemirror/lang-json";
import { bracketMatching, HighlightStyle, syntaxHighlighting, syntaxTree } from "@codemirror/language";
import { Compartment, EditorState, type Extension } from "@codemirror/state";
import { Decoration, EditorView, keymap, ViewPlugin, type ViewUpdate } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { looksLikeJson } from "../text/json";

const dress = EditorView.theme({
  "&": { color: "var(--n8)", backgroundColor: "transparent", fontSize: "var(--t-s)" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": {
    minHeight: "var(--editor-height)",
    maxHeight: "min(420px, 50dvh)",
    font: "400 var(--t-s) / 20px var(--mono)",
  },
  ".cm-content": { padding: "5px 0", caretColor: "var(--n8)" },
  ".cm-line": { padding: "0 10px" },
  ".cm-content ::selection, .cm-line::selection": { backgroundColor: "var(--accent-soft)" },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: "var(--accent-soft)", color: "var(--accent)" },
  "&.cm-focused .cm-nonmatchingBracket": { backgroundColor: "var(--danger-soft)" },
  ".cm-bad": { textDecoration: "underline wavy var(--danger)", textDecorationSkipInk: "none" },
});

const colours = HighlightStyle.define([
  { tag: tags.propertyName, color: "var(--n7)" },
  { tag: tags.string, color: "var(--c4)" },
  { tag: tags.number, color: "var(--c1)" },
  { tag: [tags.bool, tags.null], color: "var(--c3)" },
]);

/** The first place that is no JSON; null where all of it is. */
function firstFault(state: EditorState): { from: number; to: number } | null {
  let found: { from: number; to: number } | null = null;
  syntaxTree(state).iterate({
    enter(node) {
      if (node.type.isError) found ??= { from: node.from, to: node.to };
      return found === null;
    },
  });
  return found;
}

function marksOf(view: EditorView) {
  const fault = firstFault(view.state);
  if (!fault) return Decoration.none;
  const { from, to } = fault;
  // Where something is missing, there is nothing to underline: the line is marked behind what stands before.
  if (to > from) return Decoration.set(Decoration.mark({ class: "cm-bad" }).range(from, to));
  if (from > 0) return Decoration.set(Decoration.mark({ class: "cm-bad" }).range(from - 1, from));
  return Decoration.none;
}

const faults = ViewPlugin.fromClass(
  class {
    marks;
    constructor(view: EditorView) {
      this.marks = marksOf(view);
    }
    update(update: ViewUpdate) {
      if (update.docChanged || syntaxTree(update.state) !== syntaxTree(update.startState))
        this.marks = marksOf(update.view);
    }
  },
  { decorations: (plugin) => plugin.marks },
);

const asJson: Extension = [json(), bracketMatching(), faults];

export interface Mounted {
  set(text: string): void;
  destroy(): void;
}

interface Options {
  label: string;
  text: string;
  /** Where the selection begins and ends, if the editor is to have the focus. */
  selection: [number, number] | null;
  onText: (text: string) => void;
  /** The number of the first line that is no JSON, where the text is meant to be some. */
  onFault: (line: number | null) => void;
}

/** Puts an editor into an element. */
export function mount(host: HTMLElement, { label, text, selection, onText, onFault }: Options): Mounted {
  const root = host.shadowRoot ?? host.attachShadow({ mode: "open", delegatesFocus: true });
  const language = new Compartment();
  const languageOf = (value: string) => (looksLikeJson(value) ? asJson : []);
  let isJson = looksLikeJson(text);
  const tell = (state: EditorState) => {
    const fault = isJson ? firstFault(state) : null;
    onFault(fault && state.doc.lineAt(fault.from).number);
  };
  const view = new EditorView({
    root,
    parent: root,
    state: EditorState.create({
      doc: text,
      ...(selection ? { selection: { anchor: selection[0], head: selection[1] } } : {}),
      extensions: [
        dress,
        syntaxHighlighting(colours),
        history(),
        // Tab is not among them: it leads on, as everywhere on the page.
        keymap.of([...defaultKeymap, ...historyKeymap]),
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ "aria-label": label, spellcheck: "false" }),
        language.of(languageOf(text)),
        EditorView.updateListener.of((update) => {
          if (!update.docChanged) return;
          const value = update.state.doc.toString();
          if (looksLikeJson(value) !== isJson) {
            isJson = !isJson;
            update.view.dispatch({ effects: language.reconfigure(languageOf(value)) });
          }
          onText(value);
          tell(update.view.state);
        }),
      ],
    }),
  });
  // Who comes from outside is led to the text, not to the box around it, which could be focused, too.
  root.addEventListener("focusin", (event) => {
    if (event.target !== view.contentDOM) view.focus();
  });
  tell(view.state);
  if (selection) view.focus();
  return {
    set(value) {
      if (value === view.state.doc.toString()) return;
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: value } });
    },
    destroy: () => view.destroy(),
  };
}
