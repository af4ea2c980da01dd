// What lies above the page: dialogs, the drawer, menus.

import type { ReactNode } from "react";
import {
  Dialog as AriaDialog,
  Menu as AriaMenu,
  Heading,
  MenuItem,
  MenuTrigger,
  Modal,
  ModalOverlay,
  Popover,
} from "react-aria-components";
import { Button } from "./controls";
import { Icon } from "./icons";
import css from "./overlay.module.css";

interface DialogProps {
  title: ReactNode;
  isOpen: boolean;
  onClose: () => void;
  children: ReactNode;
  foot?: ReactNode;
  shape?: "box" | "wide" | "drawer";
}

/** A dialog that Escape, its button and a press beside it close. */
export function Dialog({ title, isOpen, onClose, children, foot, shape = "box" }: DialogProps) {
  const veil = shape === "drawer" ? `${css.veil} ${css.drawerVeil}` : css.veil;
  return (
    <ModalOverlay
      isOpen={isOpen}
      onOpenChange={(open) => {
        if (!open) onClose();
      }}
      isDismissable
      className={veil as string}
    >
      <Modal className={`${css.box} ${shape === "box" ? "" : css[shape]}`}>
        <AriaDialog className={css.dialog as string}>
          <div className={css.head}>
            <Heading slot="title" level={2}>
              {title}
            </Heading>
            <Button look="ghost" icon aria-label="Close" onPress={onClose}>
              <Icon name="close" />
            </Button>
          </div>
          <div className={css.body}>{children}</div>
          {foot ? <div className={css.foot}>{foot}</div> : null}
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  );
}

export interface Action {
  id: string;
  text: string;
  isDanger?: boolean;
  run: () => void;
}

/** A button that opens a list of actions. */
export function Menu(props: { label: string; actions: Action[]; children?: ReactNode; small?: boolean }) {
  const { label, actions, children } = props;
  return (
    <MenuTrigger>
      <Button aria-label={label} icon={!children} small={props.small}>
        {children ?? <Icon name="more" />}
      </Button>
      <Popover placement="bottom end">
        <AriaMenu
          className={css.menu as string}
          onAction={(key) => actions.find((action) => action.id === key)?.run()}
        >
          {actions.map((action) => (
            <MenuItem
              key={action.id}
              id={action.id}
              className={css.item as string}
              data-danger={action.isDanger || undefined}
            >
              {action.text}
            </MenuItem>
          ))}
        </AriaMenu>
      </Popover>
    </MenuTrigger>
  );
}
