// What stands in a page's place where there is none.

import { Link } from "@tanstack/react-router";
import { Blank, Failed } from "../ui/data";

export function RouteFailed({ error, reset }: { error: unknown; reset?: () => void }) {
  return <Failed error={error} retry={reset} />;
}

export function RouteMissing() {
  return (
    <Blank icon="help" title="There is no such page">
      <p>
        The address may be of another version. <Link to="/">Back to the overview</Link>
      </p>
    </Blank>
  );
}
