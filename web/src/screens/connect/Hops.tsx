// The way of a connection, drawn from what the broker has seen: to the bootstrap address, what Metadata answered,
// and the second connection to the address it named. The same as a list is what is drawn.

import type { Connect, Place } from "../../api/types";
import { Icon } from "../../ui/icons";
import css from "./connect.module.css";

type State = "good" | "bad" | "unknown";

interface Hop {
  name: string;
  address: string;
  text: string;
  state: State;
}

/** What is known about each step, for a client at this place. */
export function hops(data: Connect, place: Place): Hop[] {
  const port = place.bootstrap.slice(place.bootstrap.lastIndexOf(":") + 1);
  const listener = data.listeners.find((one) => String(one.port) === port) ?? data.listeners[0];
  const reachable = listener?.check.reachable;
  const answered = data.metadataAnswers.find((one) => one.listener === listener?.name);
  const told = answered?.broker;
  const advertised = told
    ? told
    : `${listener?.advertisedHost ?? place.bootstrap.split(":")[0]}:${listener?.advertisedPort ?? port}`;
  const second = data.attempts.some((one) => one.outcome === "open" || one.outcome === "closed");
  return [
    { name: "Your client", address: "knows only", text: "one address to begin with", state: "good" },
    {
      name: "Bootstrap",
      address: place.bootstrap,
      text:
        reachable === false ? (listener?.check.error ?? "refused") : "answers with the brokers’ addresses",
      state: reachable === false ? "bad" : reachable === true ? "good" : "unknown",
    },
    {
      name: "Metadata says",
      address: advertised,
      text: place.works ? "which your client can reach" : (place.why ?? "which your client cannot reach"),
      state: place.works ? "good" : "bad",
    },
    {
      name: "Second connection",
      address: place.works ? advertised : "never comes back",
      text: place.works
        ? second
          ? "seen: clients do come back"
          : "not seen yet"
        : (place.fix ?? "it goes to the wrong place"),
      state: place.works ? (second ? "good" : "unknown") : "bad",
    },
  ];
}

const SIGNS = { good: "done", bad: "close", unknown: "more" } as const;
const WORDS: { [state in State]: string } = { good: "fine", bad: "fails", unknown: "not seen yet" };

export function Hops({ data, place }: { data: Connect; place: Place }) {
  return (
    <ol className={`card ${css.hops}`} aria-label="The way of a connection">
      {hops(data, place).map((hop) => (
        <li key={hop.name} data-state={hop.state}>
          <span className={css.dot}>
            <Icon name={SIGNS[hop.state]} size={12} />
            <span className="sr">{WORDS[hop.state]}</span>
          </span>
          <span className="tiny muted">{hop.name}</span>
          <code>{hop.address}</code>
          <span className="small muted">{hop.text}</span>
        </li>
      ))}
    </ol>
  );
}
