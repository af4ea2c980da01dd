// The keys, and the switch that turns single ones off.

import { useState } from "react";
import { Check } from "../ui/controls";
import { Dialog } from "../ui/overlay";
import { areKeysOn, switchKeys } from "./keys";
import css from "./shell.module.css";

const GENERAL: [string, string][] = [
  ["Ctrl K", "Go to a topic, a group, a record such as London/0@42, or run an action"],
  ["/", "Search on this page"],
  ["j  k", "Next and previous row"],
  ["Enter", "Open the row"],
  ["Esc", "Close what is open"],
  ["t", "On the log screen: the same as a table"],
  ["l", "On the log screen: the guided tour"],
  ["?", "This list"],
];

export function Help(props: { onClose: () => void; places: { text: string; key: string }[] }) {
  const [isOn, setOn] = useState(areKeysOn());
  const keys = [...GENERAL, ...props.places.map((place) => [place.key, place.text] as [string, string])];
  return (
    <Dialog title="Keyboard" isOpen onClose={props.onClose}>
      <dl className={css.keys}>
        {keys.map(([key, text]) => (
          <div key={key} style={{ display: "contents" }}>
            <dt>
              {key
                .split(" ")
                .filter(Boolean)
                .map((one, at) => (
                  <kbd key={at} style={{ marginRight: 4 }}>
                    {one}
                  </kbd>
                ))}
            </dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
      <Check
        label="Single keys do something (Ctrl K always does)"
        isOn={isOn}
        onChange={(on) => {
          switchKeys(on);
          setOn(on);
        }}
      />
    </Dialog>
  );
}
