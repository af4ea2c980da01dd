// The journey of a record: a ladder of what happened to it, each step with its time and the time since the one before.

import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { journey } from "../../api/queries";
import type { RecordRow, Journey as Told } from "../../api/types";
import { many } from "../../text/format";
import { compare, minus } from "../../text/long";
import { Failed, Loading, Pill } from "../../ui/data";
import css from "./journey.module.css";
import { groupRungs, isNext, otherRung, ownRungs, type Rung } from "./rungs";
import { Skip } from "./Skip";

const WORDS = { open: "not yet", unknown: "not known" };

function Ladder({ rungs, label }: { rungs: Rung[]; label: string }) {
  return (
    <ol className={css.ladder} aria-label={label}>
      {rungs.map(({ name, state, when, gap, note }) => (
        <li key={name} data-state={state}>
          <div className={css.step}>
            <span className={css.name}>{name}</span>
            <span className={css.when}>{when ?? (state === "done" ? "done" : WORDS[state])}</span>
            {gap ? <span className={css.gap}>{gap}</span> : null}
          </div>
          {note ? <p className={css.note}>{note}</p> : null}
        </li>
      ))}
    </ol>
  );
}

/** What a group has yet to read before it comes to a record. */
function standing(committed: string | null, offset: string): string | null {
  if (committed === null || compare(committed, offset) >= 0) return null;
  const ahead = minus(offset, committed);
  return `${many(ahead, "record")} before it`;
}

function Group({
  topic,
  record,
  told,
  of,
}: {
  topic: string;
  record: RecordRow;
  told: Told;
  of: Told["groups"][number];
}) {
  const ahead = standing(of.committedOffset, record.offset);
  const next = isNext(of.committedOffset, record.offset);
  return (
    <section className={css.group} aria-label={`Group ${of.groupId}`}>
      <div className="row">
        <h3 className="clip">
          <Link to="/groups/$group" params={{ group: of.groupId }}>
            {of.groupId}
          </Link>
        </h3>
        {next ? <Pill tone="warn">reads it next</Pill> : null}
        {ahead ? <span className="tiny muted">{ahead}</span> : null}
      </div>
      <Ladder rungs={groupRungs(told, of)} label={`In group ${of.groupId}`} />
      {next ? <Skip topic={topic} record={record} of={of.groupId} /> : null}
    </section>
  );
}

export function Journey({ topic, record }: { topic: string; record: RecordRow }) {
  const { data: told, error } = useQuery(journey(topic, record.partition, record.offset));
  if (error) return <Failed error={error} />;
  if (!told) return <Loading lines={4} />;
  return (
    <div className={css.journey}>
      <Ladder rungs={ownRungs(told)} label="The record itself" />
      {told.groups.map((one) => (
        <Group key={one.groupId} topic={topic} record={record} told={told} of={one} />
      ))}
      {told.groups.length === 0 ? <p className="muted">No group reads this topic.</p> : null}
      {told.others.length > 0 ? (
        <section className={css.group} aria-label="Readers without a group">
          <h3>Others who were sent it</h3>
          <Ladder
            rungs={told.others.map((other) => otherRung(told, other))}
            label="Readers without a group"
          />
        </section>
      ) : null}
      <p className="tiny muted">
        {told.notTold
          ? `Times are missing. ${told.notTold}`
          : "Times are the broker’s, to the millisecond for what came last and coarser for what is long past. A fetch names no group: it counts for the member that had the partition then and has the client’s name and address."}
      </p>
    </div>
  );
}
