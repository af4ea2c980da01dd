// The head of a page: where one is, its name, what can be done, and how the same is done elsewhere.

import { Link } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";
import { Button, Segmented } from "./controls";
import { Code } from "./data";
import css from "./data.module.css";
import { Icon } from "./icons";
import { Dialog } from "./overlay";

export interface Snippet {
  name: string;
  text: string;
}

export interface Crumb {
  text: string;
  to: string;
}

/** Opens the equivalent command and code of a page. */
export function ShowAs({ snippets, small }: { snippets: Snippet[]; small?: boolean }) {
  const [isOpen, setOpen] = useState(false);
  const [chosen, choose] = useState(snippets[0]?.name ?? "");
  const shown = snippets.find((snippet) => snippet.name === chosen) ?? snippets[0];
  if (!shown) return null;
  return (
    <>
      <Button look="ghost" small={small} onPress={() => setOpen(true)}>
        <Icon name="code" /> Show as
      </Button>
      <Dialog title="The same elsewhere" isOpen={isOpen} onClose={() => setOpen(false)} shape="wide">
        {snippets.length > 1 ? (
          <Segmented
            label="Language"
            value={shown.name}
            onChange={choose}
            options={snippets.map((snippet) => [snippet.name, snippet.name] as const)}
          />
        ) : null}
        <Code text={shown.text} label={shown.name} />
      </Dialog>
    </>
  );
}

export function PageHead(props: {
  title: string;
  crumbs?: Crumb[];
  beside?: ReactNode;
  actions?: ReactNode;
  snippets?: Snippet[];
}) {
  return (
    <header className={css.head}>
      <div>
        {props.crumbs?.length ? (
          <nav className={css.crumbs} aria-label="Breadcrumb">
            {props.crumbs.map((crumb) => (
              <span key={crumb.to} className="row">
                <Link to={crumb.to}>{crumb.text}</Link>
                <span aria-hidden="true">/</span>
              </span>
            ))}
          </nav>
        ) : null}
        <div className="row">
          <h1>{props.title}</h1>
          {props.beside}
        </div>
      </div>
      <div className="row">
        {props.snippets ? <ShowAs snippets={props.snippets} /> : null}
        {props.actions}
      </div>
    </header>
  );
}

/** The views of one thing, each with its own address. */
export function Tabs({ label, children }: { label: string; children: ReactNode }) {
  return (
    <nav className={css.tabs} aria-label={label}>
      {children}
    </nav>
  );
}
