// All topics, a page at a time; sorted and searched by the broker.

import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useBootstrap } from "../../api/bootstrap";
import { topics } from "../../api/queries";
import type { TopicRow } from "../../api/types";
import { useMayChange } from "../../shell/asof";
import { ChangeButton } from "../../shell/ChangeButton";
import { bytes, count, retention } from "../../text/format";
import { listTopics } from "../../text/snippets";
import { Check } from "../../ui/controls";
import { Blank, Failed, Loading, Pill, SortHead, Tag } from "../../ui/data";
import { Icon } from "../../ui/icons";
import { ListSearch, ListTable, ListTools, list } from "../../ui/list";
import { PageHead } from "../../ui/page";
import { CreateTopic } from "./CreateTopic";
import { useRates } from "./rates";

const route = getRouteApi("/topics");

function Row({ row, rate }: { row: TopicRow; rate: number | undefined }) {
  return (
    <tr>
      <td>
        <span className="row">
          <Link to="/topics/$topic/log" params={{ topic: row.name }} data-row="" className={list.name}>
            {row.name}
          </Link>
          {row.isInternal ? <Tag>internal</Tag> : null}
          {row.offlinePartitions > 0 ? <Pill tone="bad">{row.offlinePartitions} offline</Pill> : null}
        </span>
      </td>
      <td className="num">{row.partitions}</td>
      <td className="num">{count(row.records)}</td>
      <td className="num">{bytes(row.sizeBytes)}</td>
      <td className={`num ${list.wide}`}>{rate === undefined || rate < 1 ? "–" : `${bytes(rate)}/s`}</td>
      <td className={list.wide}>
        <span className="muted small">
          {row.cleanupPolicy === "delete" ? `delete after ${retention(row.retentionMs)}` : row.cleanupPolicy}
        </span>
      </td>
    </tr>
  );
}

function Table() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const sort = search.sort ?? "name";
  const { data, error, refetch } = useQuery(
    topics({ q: search.q, sort, page: search.page ?? 0, internal: search.internal ?? false }),
  );
  const rates = useRates(data?.items);
  if (error && !data) return <Failed error={error} retry={() => void refetch()} />;
  if (!data) return <Loading />;
  if (data.total === 0 && !search.q) {
    return (
      <Blank title="No topics yet">
        <p>
          A topic is a named log that programs append records to and others read. It appears here when a
          client writes to it, or now:
        </p>
        <ChangeButton
          look="primary"
          onPress={() => void navigate({ search: (before) => ({ ...before, create: true }) })}
        >
          Create a topic
        </ChangeButton>
      </Blank>
    );
  }
  if (data.total === 0) return <Blank icon="search" title={`No topic is called “${search.q}”`} />;
  const onSort = (next: string) =>
    void navigate({ search: (before) => ({ ...before, sort: next, page: undefined }) });
  return (
    <ListTable
      label="Topics"
      data={data}
      what={["topic", "topics"]}
      onPage={(page) => void navigate({ search: (before) => ({ ...before, page }) })}
      head={
        <>
          <SortHead field="name" sort={sort} onSort={onSort}>
            Topic
          </SortHead>
          <SortHead field="partitions" sort={sort} onSort={onSort} isNumber>
            Partitions
          </SortHead>
          <SortHead field="records" sort={sort} onSort={onSort} isNumber>
            Records
          </SortHead>
          <SortHead field="sizeBytes" sort={sort} onSort={onSort} isNumber>
            Size
          </SortHead>
          <th scope="col" className={`num ${list.wide}`}>
            Coming in
          </th>
          <th scope="col" className={list.wide}>
            Kept
          </th>
        </>
      }
    >
      {data.items.map((row) => (
        <Row key={row.topicId} row={row} rate={rates.get(row.topicId)} />
      ))}
    </ListTable>
  );
}

export function Topics() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const bootstrap = useBootstrap();
  const mayChange = useMayChange();
  const close = () => void navigate({ search: (before) => ({ ...before, create: undefined }) });
  return (
    <>
      <PageHead
        title="Topics"
        snippets={listTopics(bootstrap, search.internal ?? false)}
        actions={
          <ChangeButton
            look="primary"
            onPress={() => void navigate({ search: (before) => ({ ...before, create: true }) })}
          >
            <Icon name="plus" /> Create a topic
          </ChangeButton>
        }
      />
      <section className="card" aria-label="Topics">
        <ListTools>
          <ListSearch
            label="Search topics"
            placeholder="Search by name"
            value={search.q}
            onChange={(q) =>
              void navigate({
                search: (before) => ({ ...before, q, page: undefined }),
                replace: true,
              })
            }
          />
          <Check
            label="Kafka’s own too"
            isOn={search.internal ?? false}
            onChange={(isOn) =>
              void navigate({ search: (before) => ({ ...before, internal: isOn || undefined }) })
            }
          />
        </ListTools>
        <Table />
      </section>
      {search.create && mayChange ? <CreateTopic onClose={close} /> : null}
    </>
  );
}
