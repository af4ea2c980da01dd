// The configs of a topic.

import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useBootstrap } from "../../api/bootstrap";
import { path, send } from "../../api/client";
import { queryClient, topicConfig } from "../../api/queries";
import { configure } from "../../text/snippets";
import { Check } from "../../ui/controls";
import { Failed, Loading } from "../../ui/data";
import { ListSearch, ListTools } from "../../ui/list";
import { ShowAs } from "../../ui/page";
import { say } from "../../ui/toasts";
import { ConfigTable } from "./ConfigTable";

const route = getRouteApi("/topics/$topic/config");

export function Config() {
  const { topic } = route.useParams();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const bootstrap = useBootstrap();
  const { data, error, refetch } = useQuery(topicConfig(topic));

  async function save(name: string, value: string | null) {
    const body = value === null ? { set: {}, unset: [name] } : { set: { [name]: value }, unset: [] };
    await send("PATCH", path`/topics/${topic}/config`, { ...body, validateOnly: false });
    await queryClient.invalidateQueries({ queryKey: ["topic-config", topic] });
    say(value === null ? `${name} is at its default again.` : `${name} is ${value}.`);
  }

  return (
    <section className="card" aria-label="Configs">
      <ListTools>
        <ListSearch
          label="Search configs"
          placeholder="Search by name or meaning"
          value={search.q}
          onChange={(q) => void navigate({ search: (before) => ({ ...before, q }), replace: true })}
        />
        <span className="row">
          <Check
            label="Defaults too"
            isOn={search.all ?? false}
            onChange={(isOn) =>
              void navigate({ search: (before) => ({ ...before, all: isOn || undefined }) })
            }
          />
          <ShowAs small snippets={configure(bootstrap, topic)} />
        </span>
      </ListTools>
      {error ? <Failed error={error} retry={() => void refetch()} /> : null}
      {!data && !error ? <Loading /> : null}
      {data ? (
        <ConfigTable entries={data.entries} q={search.q ?? ""} isAll={search.all ?? false} save={save} />
      ) : null}
    </section>
  );
}
