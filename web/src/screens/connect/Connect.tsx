// From nothing to a connected client, and the answer to why a client does not connect.

import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { has } from "../../api/client";
import { connect } from "../../api/queries";
import type { Connect as Answer, Attempt, Check, Place } from "../../api/types";
import { AbsentPage } from "../../shell/Absent";
import { useNow } from "../../shell/asof";
import { ago, count } from "../../text/format";
import { firstClient } from "../../text/snippets-connect";
import { Segmented } from "../../ui/controls";
import { Blank, Code, CopyButton, Failed, Loading, Pill, Scroll, type Tone } from "../../ui/data";
import { Icon } from "../../ui/icons";
import { PageHead } from "../../ui/page";
import css from "./connect.module.css";
import { Hops } from "./Hops";

const route = getRouteApi("/connect");

function Places({
  places,
  chosen,
  onChoose,
}: {
  places: Place[];
  chosen: string;
  onChoose: (id: string) => void;
}) {
  return (
    <ul className={css.places} aria-label="Where is your client?">
      {places.map((place) => (
        <li key={place.id}>
          <button
            type="button"
            data-row=""
            className={`card ${css.place}`}
            aria-pressed={place.id === chosen}
            onClick={() => onChoose(place.id)}
          >
            <strong>{place.title}</strong>
            <code className="muted wrap">{place.bootstrap}</code>
            <span className={css.verdict}>
              <Pill tone={place.works ? "good" : "warn"}>{place.works ? "works" : "needs a change"}</Pill>
            </span>
          </button>
        </li>
      ))}
    </ul>
  );
}

const TONES: { [state: string]: Tone } = { pass: "good", warn: "warn", fail: "bad", skip: "plain" };
const STATE_WORDS: { [state: string]: string } = {
  pass: "fine",
  warn: "look",
  fail: "wrong",
  skip: "not checked",
};

function Checks({ checks }: { checks: Check[] }) {
  const bad = checks.filter((check) => check.state === "fail" || check.state === "warn").length;
  return (
    <section className="card" aria-labelledby="checks">
      <div className={css.head}>
        <h2 id="checks">Checks</h2>
        <span className="tiny muted">{bad === 0 ? "nothing found" : `${bad} to look at`}</span>
      </div>
      <ul className={css.checks}>
        {checks.map((check) => (
          <li key={check.id}>
            <Pill tone={TONES[check.state] ?? "plain"}>{STATE_WORDS[check.state]}</Pill>
            <div>
              <strong className="small">{check.title}</strong>
              <p className="small muted">{check.text}</p>
              {check.fix ? (
                <p className={`small ${css.fix}`}>
                  <Icon name="right" size={10} /> {check.fix}
                </p>
              ) : null}
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}

function outcome(attempt: Attempt): { text: string; tone: Tone } {
  if (attempt.outcome === "open") return { text: "connected", tone: "good" };
  if (attempt.outcome === "closed") return { text: "closed", tone: "plain" };
  return { text: attempt.outcome.replaceAll("-", " "), tone: "bad" };
}

function Attempts({ attempts }: { attempts: Attempt[] }) {
  const now = useNow();
  return (
    <section className="card" aria-labelledby="attempts">
      <div className={css.head}>
        <h2 id="attempts">Attempts</h2>
        <span className="tiny muted">the last {count(attempts.length)}, live</span>
      </div>
      {attempts.length === 0 ? (
        <Blank icon="connect" title="Nobody has connected yet">
          <p>Run one of the programs on this page: it appears here at once, whether it succeeds or not.</p>
        </Blank>
      ) : (
        <ol className={css.attempts}>
          {attempts.map((attempt, at) => {
            const said = outcome(attempt);
            const software = [attempt.softwareName, attempt.softwareVersion].filter(Boolean).join(" ");
            return (
              <li key={`${attempt.timeMs}${attempt.remote}${at}`}>
                <span className="row">
                  <Pill tone={said.tone}>{said.text}</Pill>
                  <strong className="small">{attempt.clientId ?? "unknown client"}</strong>
                  {software ? <span className="tiny muted">{software}</span> : null}
                  <span className="grow" />
                  <span className="tiny muted">{ago(attempt.timeMs, now)}</span>
                </span>
                <span className="mono tiny muted">{`${attempt.remote} → ${attempt.listener}`}</span>
                {attempt.text ? <span className="small">{attempt.text}</span> : null}
              </li>
            );
          })}
        </ol>
      )}
    </section>
  );
}

function Start({ place, as, onAs }: { place: Place; as: string | undefined; onAs: (as: string) => void }) {
  const snippets = firstClient(place.bootstrap);
  const shown = snippets.find((one) => one.name === as) ?? snippets[1];
  return (
    <section className="card pad" aria-label="Code to start with">
      <div className="stack">
        <div className={css.address}>
          <span className="tiny muted">Bootstrap address</span>
          <span className="row">
            <code>{place.bootstrap}</code>
            <CopyButton text={place.bootstrap} label="Copy the address" />
          </span>
          {place.why ? <p className="small muted">{place.why}</p> : null}
          {place.fix ? (
            <p className={`small ${css.fix}`}>
              <Icon name="right" size={10} /> <code>{place.fix}</code>
            </p>
          ) : null}
        </div>
        <Scroll>
          <Segmented
            label="Language"
            value={shown?.name ?? ""}
            onChange={onAs}
            options={snippets.map((one) => [one.name, one.name] as const)}
          />
        </Scroll>
        {shown ? <Code text={shown.text} label={`${shown.name} program`} /> : null}
      </div>
    </section>
  );
}

function Page({ data }: { data: Answer }) {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const place = data.places.find((one) => one.id === search.place) ?? data.places[0];
  if (!place) return <Blank icon="connect" title="The broker has no listener for clients" />;
  return (
    <>
      <Places
        places={data.places}
        chosen={place.id}
        onChoose={(id) => void navigate({ search: (before) => ({ ...before, place: id }), replace: true })}
      />
      <Hops data={data} place={place} />
      <div className={css.columns}>
        <div className="stack">
          <Start
            place={place}
            as={search.as}
            onAs={(as) => void navigate({ search: (before) => ({ ...before, as }), replace: true })}
          />
          <Checks checks={data.checks} />
        </div>
        <Attempts attempts={data.attempts} />
      </div>
    </>
  );
}

export function Connect() {
  return has("/connect") ? <Doctor /> : <AbsentPage title="Connect" />;
}

function Doctor() {
  const { data, error, refetch } = useQuery(connect());
  return (
    <>
      <PageHead
        title="Connect"
        beside={<span className="muted small">Where is your client?</span>}
        snippets={data?.places[0] ? firstClient(data.places[0].bootstrap) : undefined}
      />
      {error && !data ? <Failed error={error} retry={() => void refetch()} /> : null}
      {!data && !error ? <Loading /> : null}
      {data ? <Page data={data} /> : null}
    </>
  );
}
