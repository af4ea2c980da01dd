// Ctrl-K: type a few letters of where you want to be. Topics and groups are searched by the broker.

import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useDeferredValue, useState } from "react";
import {
  Autocomplete,
  Dialog,
  Input,
  Menu,
  MenuItem,
  Modal,
  ModalOverlay,
  TextField,
} from "react-aria-components";
import { has } from "../api/client";
import { groups, topics } from "../api/queries";
import { Icon, type IconName } from "../ui/icons";
import overlay from "../ui/overlay.module.css";
import css from "./shell.module.css";
import { setTheme } from "./theme";

interface Item {
  id: string;
  text: string;
  hint: string;
  icon: IconName;
  run: () => void;
}

const RECORD = /^(?<topic>[\w.-]+)\/(?<partition>\d+)@(?<offset>\d+)$/;

function useItems(typed: string): { items: Item[]; isLooking: boolean } {
  const navigate = useNavigate();
  const asked = useDeferredValue(typed.trim());
  const foundTopics = useQuery({ ...topics({ q: asked, size: 8 }), refetchInterval: false });
  const foundGroups = useQuery({ ...groups({ q: asked, size: 6 }), refetchInterval: false });
  const go = (to: string) => () => void navigate({ to } as never);

  const fixed: Item[] = [
    { id: "overview", text: "Overview", hint: "g o", icon: "overview", run: go("/") },
    { id: "topics", text: "Topics", hint: "g t", icon: "topics", run: go("/topics") },
    { id: "groups", text: "Groups", hint: "g g", icon: "groups", run: go("/groups") },
    {
      id: "transactions",
      text: "Transactions",
      hint: "g x",
      icon: "transactions",
      run: go("/transactions"),
    },
    { id: "connect", text: "Connect a client", hint: "g c", icon: "connect", run: go("/connect") },
    { id: "brokers", text: "Brokers", hint: "g b", icon: "brokers", run: go("/brokers") },
    { id: "clients", text: "Clients", hint: "g l", icon: "clients", run: go("/clients") },
    {
      id: "create",
      text: "Create a topic",
      hint: "action",
      icon: "plus",
      run: () => void navigate({ to: "/topics", search: { create: true } }),
    },
    { id: "light", text: "Light theme", hint: "action", icon: "sun", run: () => setTheme("light") },
    { id: "dark", text: "Dark theme", hint: "action", icon: "moon", run: () => setTheme("dark") },
  ];
  const letters = typed.trim().toLowerCase();
  // Until the broker answers, what it found for fewer letters is still there: Enter must not lead to that.
  const fits = (text: string) => text.toLowerCase().includes(letters);
  const isMissing = (id: string) =>
    ["connect", "brokers", "clients", "transactions"].includes(id) && !has(`/${id}`);
  const items = fixed.filter((item) => !isMissing(item.id) && fits(item.text));
  for (const { name } of foundTopics.data?.items.filter(({ name }) => fits(name)) ?? []) {
    items.push({
      id: `topic ${name}`,
      text: name,
      hint: "topic",
      icon: "topics",
      run: () => void navigate({ to: "/topics/$topic/log", params: { topic: name } }),
    });
  }
  for (const { groupId } of foundGroups.data?.items.filter(({ groupId }) => fits(groupId)) ?? []) {
    items.push({
      id: `group ${groupId}`,
      text: groupId,
      hint: "group",
      icon: "groups",
      run: () => void navigate({ to: "/groups/$group", params: { group: groupId } }),
    });
  }
  const record = RECORD.exec(typed.trim())?.groups;
  if (record) {
    const view = `${record.partition}@${record.offset}`;
    const search = { from: `offset:${record.offset}`, partitions: record.partition, view };
    items.unshift({
      id: "record",
      text: `Record ${typed.trim()}`,
      hint: "record",
      icon: "search",
      run: () =>
        void navigate({ to: "/topics/$topic/records", params: { topic: record.topic ?? "" }, search }),
    });
  }
  return { items, isLooking: foundTopics.isFetching || foundGroups.isFetching };
}

export function Palette({ onClose }: { onClose: () => void }) {
  const [typed, setTyped] = useState("");
  const { items, isLooking } = useItems(typed);
  return (
    <ModalOverlay
      isOpen
      isDismissable
      onOpenChange={(open) => !open && onClose()}
      className={overlay.veil as string}
    >
      <Modal className={overlay.box as string}>
        <Dialog className={overlay.dialog as string} aria-label="Go to">
          <Autocomplete inputValue={typed} onInputChange={setTyped} disableAutoFocusFirst={false}>
            <TextField autoFocus aria-label="Topic, group, page or action">
              <Input
                className={css.paletteInput as string}
                placeholder="Topic, group, page, or London/0@42"
              />
            </TextField>
            <Menu
              aria-label="Found"
              className={css.paletteList as string}
              items={items}
              onAction={(key) => {
                items.find((item) => item.id === key)?.run();
                onClose();
              }}
              renderEmptyState={() => (
                <p className="muted pad small">{isLooking ? "Looking…" : "Nothing is called that."}</p>
              )}
            >
              {(item) => (
                <MenuItem id={item.id} textValue={item.text} className={css.paletteItem as string}>
                  <Icon name={item.icon} />
                  {item.text}
                  <span className={css.paletteHint}>{item.hint}</span>
                </MenuItem>
              )}
            </Menu>
          </Autocomplete>
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}
