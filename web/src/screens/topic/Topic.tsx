// One topic: its name, its figures, and the views of it.

import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, Outlet, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { topic } from "../../api/queries";
import { useAt, useMayChange } from "../../shell/asof";
import { ChangeButton } from "../../shell/ChangeButton";
import { bytes, many, retention } from "../../text/format";
import { Failed, Tag } from "../../ui/data";
import { Menu } from "../../ui/overlay";
import { PageHead, Tabs } from "../../ui/page";
import { AddPartitions, DeleteTopic, PurgeTopic } from "./actions";

const route = getRouteApi("/topics/$topic");

export function Topic() {
  const { topic: name } = route.useParams();
  const at = useAt();
  const mayChange = useMayChange();
  const navigate = useNavigate();
  const { data, error, refetch } = useQuery(topic(name, at));
  const [open, setOpen] = useState<"partitions" | "purge" | "delete" | null>(null);
  if (error && !data) return <Failed error={error} retry={() => void refetch()} />;
  const params = { topic: name };
  const close = () => setOpen(null);
  return (
    <>
      <PageHead
        title={name}
        crumbs={[{ text: "Topics", to: "/topics" }]}
        beside={
          data ? (
            <span className="row small muted">
              <span>{many(data.partitions, "partition")}</span>
              <span aria-hidden="true">·</span>
              <span>{many(data.records, "record")}</span>
              <span aria-hidden="true">·</span>
              <span>{bytes(data.sizeBytes)}</span>
              <span aria-hidden="true">·</span>
              <span>
                {data.cleanupPolicy === "delete" ? `kept ${retention(data.retentionMs)}` : data.cleanupPolicy}
              </span>
              {data.isInternal ? <Tag>internal</Tag> : null}
            </span>
          ) : null
        }
        actions={
          !data || data.isInternal ? null : mayChange ? (
            <Menu
              label="More actions"
              actions={[
                { id: "partitions", text: "Add partitions…", run: () => setOpen("partitions") },
                { id: "purge", text: "Delete records…", run: () => setOpen("purge") },
                { id: "delete", text: "Delete the topic…", isDanger: true, run: () => setOpen("delete") },
              ]}
            />
          ) : (
            <ChangeButton>More actions</ChangeButton>
          )
        }
      />
      <Tabs label="Views of the topic">
        <Link to="/topics/$topic/log" params={params}>
          Log
        </Link>
        <Link to="/topics/$topic/records" params={params}>
          Records
        </Link>
        <Link to="/topics/$topic/partitions" params={params}>
          Partitions
        </Link>
        <Link to="/topics/$topic/config" params={params}>
          Config
        </Link>
      </Tabs>
      <Outlet />
      {data && open === "partitions" ? (
        <AddPartitions name={name} now={data.partitions} onClose={close} />
      ) : null}
      {data && open === "purge" ? <PurgeTopic topic={data} onClose={close} /> : null}
      {open === "delete" ? (
        <DeleteTopic
          name={name}
          onClose={close}
          onDone={() => {
            close();
            void navigate({ to: "/topics" });
          }}
        />
      ) : null}
    </>
  );
}
