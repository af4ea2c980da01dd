// The way back from a reset.

import { path, send } from "../../api/client";
import { queryClient } from "../../api/queries";
import type { ResetResult } from "../../api/types";
import { say, sayError } from "../../ui/toasts";

export async function refreshGroup(group: string) {
  await Promise.all([
    queryClient.invalidateQueries({ queryKey: ["group", group] }),
    queryClient.invalidateQueries({ queryKey: ["groups"] }),
    queryClient.invalidateQueries({ queryKey: ["undos", group] }),
  ]);
}

export async function undoReset(group: string, id: string) {
  try {
    const done = await send<ResetResult>("POST", path`/groups/${group}/reset/undo`, { id });
    if (!done.applied) throw new Error(done.blockedBy ?? "The positions were not moved back.");
    await refreshGroup(group);
    say("The positions are as they were.");
  } catch (error) {
    sayError(error);
  }
}
