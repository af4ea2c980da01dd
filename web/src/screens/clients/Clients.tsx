// Who talks to the broker: by client id, and every connection.

import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useBootstrap } from "../../api/bootstrap";
import { has } from "../../api/client";
import { clients, connections } from "../../api/queries";
import type { ClientRow, Connection } from "../../api/types";
import { AbsentPage } from "../../shell/Absent";
import { useAt, useNow } from "../../shell/asof";
import { ago, bytes, count, many } from "../../text/format";
import { Blank, Failed, Loading, Tag } from "../../ui/data";
import { ListSearch, ListTable, ListTools, list } from "../../ui/list";
import { PageHead } from "../../ui/page";
import css from "./clients.module.css";

const route = getRouteApi("/clients");

function Line({ client }: { client: ClientRow }) {
  return (
    <li>
      <span className="row">
        <strong className="grow clip">{client.clientId || "(no client id)"}</strong>
        {client.software.map((software) => (
          <Tag key={software}>{software}</Tag>
        ))}
      </span>
      <span className="tiny muted">
        {`${many(client.connections, "connection")} from ${client.hosts.join(", ")}`}
        {client.lastRequests.length > 0 ? ` · last asked for ${client.lastRequests.join(", ")}` : ""}
      </span>
      {client.groups.length > 0 ? (
        <span className="tiny">
          {client.groups.map((group) => (
            <Link key={group} to="/groups/$group" params={{ group }} className={css.group}>
              {group}
            </Link>
          ))}
        </span>
      ) : null}
    </li>
  );
}

function Named({ list }: { list: ClientRow[] }) {
  return (
    <section className="card" aria-label="Client ids">
      <h2 className={css.head}>
        Client ids <span className="muted">{list.length}</span>
      </h2>
      {list.length === 0 ? <p className={`muted small ${css.none}`}>Nobody is connected.</p> : null}
      <ul className={css.list}>
        {list.map((client) => (
          <Line key={client.clientId} client={client} />
        ))}
      </ul>
    </section>
  );
}

function Row({ row, now }: { row: Connection; now: number }) {
  const software = [row.softwareName, row.softwareVersion].filter(Boolean).join(" ");
  return (
    <tr>
      <td className="mono">{row.remote}</td>
      <td>
        <strong className="small">{row.clientId ?? "–"}</strong>
        {software ? <div className="tiny muted">{software}</div> : null}
      </td>
      <td className={`small ${list.wide}`}>{row.listener}</td>
      <td className={`small ${list.wide}`}>
        {row.lastRequest ?? "–"}
        {row.lastRequestMs === null ? null : <div className="tiny muted">{ago(row.lastRequestMs, now)}</div>}
      </td>
      <td className="num">{count(row.requests)}</td>
      <td className={`num ${list.wide}`}>{bytes(row.bytesIn)}</td>
      <td className={`num ${list.wide}`}>{bytes(row.bytesOut)}</td>
      <td className="num">{ago(row.openedMs, now)}</td>
    </tr>
  );
}

function Connections() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const at = useAt();
  const present = useNow();
  const now = at ? Number(at) : present;
  const { data, error } = useQuery(connections({ q: search.q, page: search.page ?? 0, at }));
  if (error && !data) return <Failed error={error} />;
  if (!data) return <Loading lines={3} />;
  return (
    <section className="card" aria-label="Connections">
      <ListTools>
        <h2>Connections</h2>
        <ListSearch
          label="Search connections"
          placeholder="Search by address or client"
          value={search.q}
          onChange={(q) =>
            void navigate({
              search: (before) => ({ ...before, q, page: undefined }),
              replace: true,
            })
          }
        />
      </ListTools>
      {data.total === 0 ? (
        <Blank icon="connect" title={search.q ? "No connection matches" : "Nobody is connected"}>
          {search.q ? null : (
            <p>
              <Link to="/connect">Connect</Link> has the address and code to start with.
            </p>
          )}
        </Blank>
      ) : (
        <ListTable
          label="Connections"
          data={data}
          what={["connection", "connections"]}
          onPage={(page) => void navigate({ search: (before) => ({ ...before, page }) })}
          head={
            <>
              <th scope="col">From</th>
              <th scope="col">Client</th>
              <th scope="col" className={list.wide}>
                Listener
              </th>
              <th scope="col" className={list.wide}>
                Last request
              </th>
              <th scope="col" className="num">
                Requests
              </th>
              <th scope="col" className={`num ${list.wide}`}>
                In
              </th>
              <th scope="col" className={`num ${list.wide}`}>
                Out
              </th>
              <th scope="col" className="num">
                Opened
              </th>
            </>
          }
        >
          {data.items.map((row) => (
            <Row key={row.id} row={row} now={now} />
          ))}
        </ListTable>
      )}
    </section>
  );
}

export function Clients() {
  return has("/clients") ? <Everybody /> : <AbsentPage title="Clients" />;
}

function Everybody() {
  const { data, error } = useQuery(clients());
  const bootstrap = useBootstrap();
  return (
    <>
      <PageHead
        title="Clients"
        snippets={[{ name: "shell", text: `ss -tnp dst ${bootstrap.replace("localhost", "127.0.0.1")}` }]}
      />
      {error && !data ? <Failed error={error} /> : null}
      {data ? <Named list={data.clients} /> : null}
      <Connections />
    </>
  );
}
