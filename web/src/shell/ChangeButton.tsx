// A button that changes something. Where nothing can be changed it stays, locked, and says why.

import type { ComponentProps, ReactNode } from "react";
import { Button } from "../ui/controls";
import css from "../ui/controls.module.css";
import { Icon } from "../ui/icons";
import { say } from "../ui/toasts";
import { useWhyNot } from "./asof";

type Props = Omit<ComponentProps<typeof Button>, "children" | "icon"> & { children: ReactNode };

export function ChangeButton({ children, ...rest }: Props) {
  const whyNot = useWhyNot();
  if (whyNot === null) return <Button {...rest}>{children}</Button>;
  return (
    <button
      type="button"
      className={[css.button, rest.small ? css.small : "", css.locked].join(" ")}
      aria-disabled="true"
      title={whyNot}
      onClick={() => say(whyNot)}
    >
      <Icon name="lock" size={14} /> {children}
      <span className="sr">: {whyNot}</span>
    </button>
  );
}
