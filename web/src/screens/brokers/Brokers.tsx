// The brokers of the cluster; of the chosen one its configs with their sources and its data directories.

import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useBootstrap } from "../../api/bootstrap";
import { path, send } from "../../api/client";
import { brokerConfig, brokers, logDirs, queryClient } from "../../api/queries";
import type { BrokerLogDir, BrokerRow } from "../../api/types";
import { bytes, many } from "../../text/format";
import { minus } from "../../text/long";
import { cluster } from "../../text/snippets";
import { Check, Text } from "../../ui/controls";
import { Failed, Loading, Meter, Pill, Tag } from "../../ui/data";
import { PageHead } from "../../ui/page";
import { say } from "../../ui/toasts";
import { ConfigTable } from "../topic/ConfigTable";
import config from "../topic/config.module.css";
import css from "./brokers.module.css";

const route = getRouteApi("/brokers");

function List({
  rows,
  chosen,
  onChoose,
}: {
  rows: BrokerRow[];
  chosen: number;
  onChoose: (id: number) => void;
}) {
  return (
    <ul className={css.list} aria-label="Brokers">
      {rows.map((row) => (
        <li key={row.brokerId}>
          <button
            type="button"
            data-row=""
            className={`card ${css.broker}`}
            aria-pressed={row.brokerId === chosen}
            onClick={() => onChoose(row.brokerId)}
          >
            <span className="row">
              <strong>{`Broker ${row.brokerId}`}</strong>
              {row.isController ? <Tag>controller</Tag> : null}
              {row.isSelf ? <Tag>this one</Tag> : null}
              <span className="grow" />
              <Pill tone={row.isFenced ? "warn" : "good"}>{row.isFenced ? "fenced" : "in service"}</Pill>
            </span>
            <span className="mono muted">{`${row.host}:${row.port}${row.rack ? ` · rack ${row.rack}` : ""}`}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}

function Directory({ dir }: { dir: BrokerLogDir }) {
  const total = dir.totalBytes ?? "0";
  const used = Number(minus(total, dir.usableBytes ?? "0"));
  return (
    <section className="card" aria-label={dir.path}>
      <div className={css.dir}>
        <span className="row">
          <span className="mono grow wrap">{dir.path}</span>
          <Pill tone={dir.isOnline ? "good" : "bad"}>{dir.isOnline ? "online" : "offline"}</Pill>
        </span>
        {dir.isOnline ? (
          <>
            <Meter warnsHigh part={used} whole={Number(total)} label="Share of the disk in use" />
            <span className="tiny muted">
              {`${bytes(dir.sizeBytes)} of records in ${many(dir.partitions, "partition")}; ${bytes(dir.usableBytes)} free of ${bytes(total)}`}
            </span>
          </>
        ) : (
          <span className="tiny muted">
            {`It has failed: ${dir.partitions > 0 ? many(dir.partitions, "partition") : "what lies in it"} cannot be read or written until the disk works and the broker is started again.`}
          </span>
        )}
      </div>
      {dir.largest.length > 0 ? (
        <div className={`scroll ${css.largest}`}>
          <table aria-label="Largest partitions">
            <thead>
              <tr>
                <th scope="col">Largest partitions</th>
                <th scope="col" className="num">
                  Size
                </th>
              </tr>
            </thead>
            <tbody>
              {dir.largest.slice(0, 10).map((one) => (
                <tr key={`${one.topic}/${one.partition}/${one.isFuture}`}>
                  <td className="mono">
                    {`${one.topic}/${one.partition}`} {one.isFuture ? <Tag>moving here</Tag> : null}
                  </td>
                  <td className="num">{bytes(one.sizeBytes)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : null}
    </section>
  );
}

function Directories({ id }: { id: number }) {
  const { data, error } = useQuery(logDirs(id));
  if (error && !data) return <Failed error={error} />;
  if (!data) return <Loading lines={3} />;
  return (
    <div className="stack">
      {data.dirs.map((dir) => (
        <Directory key={dir.path} dir={dir} />
      ))}
    </div>
  );
}

function Configs({ id }: { id: number }) {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const { data, error } = useQuery(brokerConfig(id));
  async function save(name: string, value: string | null) {
    const body = value === null ? { set: {}, unset: [name] } : { set: { [name]: value }, unset: [] };
    await send("PATCH", path`/brokers/${id}/config`, { ...body, validateOnly: false });
    await queryClient.invalidateQueries({ queryKey: ["broker-config", id] });
    say(value === null ? `${name} is at its default again.` : `${name} is ${value}.`);
  }
  return (
    <section className="card" aria-label="Configs">
      <div className={config.tools}>
        <div className={config.search}>
          <Text
            label="Search configs"
            hideLabel
            isSearch
            placeholder="Search by name or meaning"
            value={search.q ?? ""}
            onChange={(q) =>
              void navigate({ search: (before) => ({ ...before, q: q || undefined }), replace: true })
            }
          />
        </div>
        <Check
          label="Defaults too"
          isOn={search.all ?? false}
          onChange={(isOn) => void navigate({ search: (before) => ({ ...before, all: isOn || undefined }) })}
        />
      </div>
      {error && !data ? <Failed error={error} /> : null}
      {!data && !error ? <Loading /> : null}
      {data ? (
        <ConfigTable entries={data.entries} q={search.q ?? ""} isAll={search.all ?? false} save={save} />
      ) : null}
    </section>
  );
}

export function Brokers() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const bootstrap = useBootstrap();
  const { data, error, refetch } = useQuery(brokers());
  if (error && !data) return <Failed error={error} retry={() => void refetch()} />;
  if (!data) return <Loading />;
  const chosen =
    search.broker ?? data.brokers.find((row) => row.isSelf)?.brokerId ?? data.brokers[0]?.brokerId ?? 1;
  return (
    <>
      <PageHead title="Brokers" snippets={cluster(bootstrap)} />
      <List
        rows={data.brokers}
        chosen={chosen}
        onChoose={(broker) => void navigate({ search: (before) => ({ ...before, broker }) })}
      />
      <h2>Data directories</h2>
      <Directories id={chosen} />
      <h2>Configs</h2>
      <Configs id={chosen} />
    </>
  );
}
