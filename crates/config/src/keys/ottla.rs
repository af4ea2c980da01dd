//! Keys that Kafka does not have.

use crate::value::{List, Password, Text};

keys! { OTTLA_KEYS: Broker;

    /// Says when a write with acks=all is answered on a partition of one replica: after a sync to
    /// the disk (fsync), as soon as the operating system has it (page-cache), or whichever is safe
    /// for the number of replicas (auto).
    OTTLA_ACK_DURABILITY: Text = with("ottla.ack.durability", "auto")
        .one_of(&["auto", "fsync", "page-cache"]).high().cluster_wide().honoured();

    /// Id of the cluster that a new data directory becomes; a directory of another cluster is
    /// refused.
    OTTLA_CLUSTER_ID: Option<Text> = null("ottla.cluster.id").cluster_id().honoured();

    /// Address of the HTTP listener for the console, metrics and health checks, or off.
    OTTLA_CONSOLE_LISTEN: Text = with("ottla.console.listen", "localhost:8080")
        .non_empty().high().honoured();

    /// Names by which the console may be asked, beside addresses and names without a dot: a name of
    /// the Internet could be anybody's.
    OTTLA_CONSOLE_HOSTS: List = with("ottla.console.hosts", "").honoured();

    /// Whether the console refuses every change.
    OTTLA_CONSOLE_READ_ONLY: bool = with("ottla.console.read.only", "false").honoured();

    /// Who may use the console, as name:hash or name:hash:read-only, separated by semicolons, with
    /// hashes that `ottla console hash-password` makes. Without any, it asks nobody.
    OTTLA_CONSOLE_USERS: Password = with("ottla.console.users", "").honoured();

    /// A file of such users, one a line.
    OTTLA_CONSOLE_USERS_FILE: Text = with("ottla.console.users.file", "").honoured();

    /// What comes before every path of the console where a proxy serves it, such as /kafka.
    OTTLA_CONSOLE_BASE_PATH: Text = with("ottla.console.base.path", "").honoured();

    /// Topics that a start creates where they are missing, as name:partitions:replicas or
    /// name:partitions:replicas:cleanup.policy, separated by commas.
    OTTLA_CREATE_TOPICS: Option<Text> = null("ottla.create.topics").topics_to_create().honoured();
}
