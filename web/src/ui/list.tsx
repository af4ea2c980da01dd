// Lists that the broker searches, sorts and cuts into pages: the tools above, the table, the pages below.

import type { ReactNode } from "react";
import { Text } from "./controls";
import { Pager, Scroll } from "./data";
import css from "./list.module.css";

/** `name`: what leads to the thing itself. `wide`: a column that narrow screens go without. `first`: a command in an empty list. */
export const list = { name: css.name, wide: css.wide, first: css.first };

export function ListTools({ children }: { children: ReactNode }) {
  return <div className={css.tools}>{children}</div>;
}

export function ListSearch(props: {
  label: string;
  placeholder: string;
  value: string | undefined;
  onChange: (q: string | undefined) => void;
}) {
  return (
    <div className={css.search}>
      <Text
        label={props.label}
        hideLabel
        isSearch
        placeholder={props.placeholder}
        value={props.value ?? ""}
        onChange={(q) => props.onChange(q || undefined)}
      />
    </div>
  );
}

/** One page. `what` is what one row is called, and several. The first page has no number. */
export function ListTable(props: {
  label: string;
  data: { page: number; size: number; total: number };
  what: [one: string, many: string];
  head: ReactNode;
  onPage: (page: number | undefined) => void;
  children: ReactNode;
}) {
  const { page, size, total } = props.data;
  return (
    <>
      <Scroll>
        <table aria-label={props.label}>
          <thead>
            <tr>{props.head}</tr>
          </thead>
          <tbody>{props.children}</tbody>
        </table>
      </Scroll>
      <Pager
        page={page}
        size={size}
        total={total}
        what={props.what[total === 1 ? 0 : 1]}
        onPage={(page) => props.onPage(page || undefined)}
      />
    </>
  );
}
