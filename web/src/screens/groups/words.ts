// The coordinator's words for people: why a rebalance happened, and what can be done about it.

export const CAUSES: { [cause: string]: string } = {
  memberJoined: "a member joined",
  memberLeft: "a member left",
  sessionTimeout: "a member was not heard of (session timeout)",
  pollInterval: "a member took too long between polls",
  subscriptionChanged: "a member’s subscription changed",
  leaderRejoined: "the leader joined again, as when partitions were added",
  syncTimeout: "an assignment did not come in time",
  partitionsChanged: "a topic’s partitions changed",
  staticMemberReplaced: "a static member was replaced",
  loaded: "the group was loaded after a start",
  deleted: "the group was deleted",
};

const ADVICE: { [cause: string]: string } = {
  memberJoined:
    "Members that come and go often: give each a group.instance.id, and a restart within the session timeout rebalances nothing.",
  memberLeft:
    "A restart that leaves and joins moves every partition twice. With a group.instance.id the member keeps its partitions.",
  sessionTimeout:
    "The process stopped, hung, or could not reach the broker. If it was only slow, raise session.timeout.ms.",
  pollInterval:
    "Handling one poll took longer than max.poll.interval.ms. Poll fewer records, or raise the interval.",
  syncTimeout: "The leader computes the assignment. If it is slow or gone, the others wait for it.",
};

export function causeText(cause: string | null): string {
  return cause === null ? "rebalance" : (CAUSES[cause] ?? cause);
}

export function advice(cause: string | null): string | null {
  return cause === null ? null : (ADVICE[cause] ?? null);
}
