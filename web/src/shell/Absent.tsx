// What stands where only a broker's own console has something to show.

import { useQuery } from "@tanstack/react-query";
import { session } from "../api/queries";
import { Blank } from "../ui/data";

/** A page's worth of it. */
export function AbsentPage({ title }: { title: string }) {
  const { data } = useQuery(session());
  return (
    <Blank icon="help" title={`${title}: not for this cluster`}>
      <p>{data?.absentBecause}</p>
    </Blank>
  );
}

/** A line of it, which names what is not there. */
export function AbsentNote({ what }: { what: string }) {
  const { data } = useQuery(session());
  return <p className="small muted">{`${what} ${data?.absentBecause ?? ""}`}</p>;
}
