//! What the environment says of a console: kafka-ui's variables, and those of `ottla.console.*`.

use std::collections::BTreeMap;

use anyhow::Context as _;
use ottla_console::{Cluster, Users};

/// What the environment says.
#[derive(Debug, Default)]
pub(crate) struct Environment {
    /// Clusters, by their numbers.
    pub(crate) clusters: Vec<Cluster>,
    pub(crate) listen: Option<String>,
    pub(crate) base_path: String,
    pub(crate) users: Users,
    pub(crate) hosts: Vec<String>,
    pub(crate) is_read_only: bool,
    /// What of it has no effect, and why.
    pub(crate) warnings: Vec<String>,
}

/// Whether a variable switches something on.
fn is_on(value: &str) -> bool {
    value.trim().eq_ignore_ascii_case("true")
}

impl Environment {
    /// Reads variables.
    pub(crate) fn read(variables: impl Iterator<Item = (String, String)>) -> anyhow::Result<Self> {
        let mut this = Self::default();
        let mut clusters: BTreeMap<u32, Cluster> = BTreeMap::new();
        let (mut auth, mut user, mut password) = (None, None, None);
        for (name, value) in variables {
            if let Some(rest) = name.strip_prefix("KAFKA_CLUSTERS_") {
                this.cluster(&mut clusters, &name, rest, value)?;
                continue;
            }
            match name.as_str() {
                "OTTLA_CONSOLE_LISTEN" => this.listen = Some(value),
                "SERVER_PORT" => this.listen = this.listen.or(Some(format!("0.0.0.0:{value}"))),
                "OTTLA_CONSOLE_BASE_PATH" | "SERVER_SERVLET_CONTEXT_PATH" => this.base_path = value,
                "OTTLA_CONSOLE_READ_ONLY" => this.is_read_only = is_on(&value),
                "OTTLA_CONSOLE_HOSTS" => {
                    this.hosts.extend(value.split(',').map(|it| it.trim().to_owned()));
                }
                "OTTLA_CONSOLE_USERS" => {
                    let users = Users::parse(&value).and_then(|own| this.users.and(own));
                    this.users = users.context(name)?;
                }
                "AUTH_TYPE" => auth = Some(value),
                "SPRING_SECURITY_USER_NAME" => user = Some(value),
                "SPRING_SECURITY_USER_PASSWORD" => password = Some(value),
                // Clusters are not added while it runs: there is nothing to enable.
                _ => {}
            }
        }
        this.log_in(auth.as_deref(), user, password)?;
        for (number, cluster) in clusters {
            anyhow::ensure!(
                !cluster.bootstrap.is_empty(),
                "KAFKA_CLUSTERS_{number}_BOOTSTRAPSERVERS is missing"
            );
            this.clusters.push(cluster);
        }
        Ok(this)
    }

    fn cluster(
        &mut self,
        clusters: &mut BTreeMap<u32, Cluster>,
        name: &str,
        rest: &str,
        value: String,
    ) -> anyhow::Result<()> {
        let parts = rest.split_once('_');
        let Some((number, key)) = parts.and_then(|(it, key)| Some((it.parse().ok()?, key))) else {
            self.warnings.push(format!("{name} names no cluster and changes nothing here"));
            return Ok(());
        };
        let cluster = clusters.entry(number).or_insert_with(|| Cluster {
            name: format!("cluster {number}"),
            bootstrap: String::new(),
            is_read_only: false,
        });
        match key {
            "NAME" => cluster.name = value,
            "BOOTSTRAPSERVERS" | "BOOTSTRAP_SERVERS" => cluster.bootstrap = value,
            "READONLY" | "READ_ONLY" => cluster.is_read_only = is_on(&value),
            "PROPERTIES_SECURITY_PROTOCOL" if value.eq_ignore_ascii_case("PLAINTEXT") => {}
            // It was for a Kafka that is older than any that answers here.
            "ZOOKEEPER" => {}
            // Such a listener would not answer, or take what is said for something else.
            "PROPERTIES_SECURITY_PROTOCOL" => anyhow::bail!(
                "{name}={value}: the console speaks PLAINTEXT only; name a PLAINTEXT listener of {}",
                cluster.name
            ),
            _ => self.warnings.push(format!("{name} changes nothing here")),
        }
        Ok(())
    }

    fn log_in(
        &mut self,
        auth: Option<&str>,
        user: Option<String>,
        password: Option<String>,
    ) -> anyhow::Result<()> {
        match auth.unwrap_or("DISABLED") {
            "DISABLED" => Ok(()),
            "LOGIN_FORM" => {
                let missing = "AUTH_TYPE=LOGIN_FORM needs SPRING_SECURITY_USER_NAME and \
                               SPRING_SECURITY_USER_PASSWORD";
                let (user, password) = user.zip(password).context(missing)?;
                let users = std::mem::take(&mut self.users);
                self.users = Users::single(&user, &password)
                    .and_then(|own| users.and(own))
                    .context("SPRING_SECURITY_USER_NAME")?;
                Ok(())
            }
            // Who asked for a login must not get a console that is open to everybody.
            other => anyhow::bail!("AUTH_TYPE={other}: known are LOGIN_FORM and DISABLED"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> anyhow::Result<Environment> {
        let owned = variables.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
        Environment::read(owned)
    }

    #[test]
    fn the_variables_of_kafka_ui_name_clusters() {
        let environment = read(&[
            ("KAFKA_CLUSTERS_1_BOOTSTRAPSERVERS", "two:9092"),
            ("KAFKA_CLUSTERS_1_READONLY", "true"),
            ("KAFKA_CLUSTERS_0_NAME", "local"),
            ("KAFKA_CLUSTERS_0_BOOTSTRAPSERVERS", "one:9092,other:9092"),
            ("KAFKA_CLUSTERS_0_SCHEMAREGISTRY", "http://registry:8081"),
            ("DYNAMIC_CONFIG_ENABLED", "true"),
            ("SERVER_SERVLET_CONTEXT_PATH", "/kafka"),
        ]);
        let environment = environment.unwrap();
        let shown = environment.clusters.iter();
        let shown: Vec<_> =
            shown.map(|it| (it.name.as_str(), it.bootstrap.as_str(), it.is_read_only)).collect();
        let wanted = [("local", "one:9092,other:9092", false), ("cluster 1", "two:9092", true)];
        assert_eq!(shown, wanted);
        assert_eq!(environment.base_path, "/kafka");
        let warning = "KAFKA_CLUSTERS_0_SCHEMAREGISTRY changes nothing here";
        assert_eq!(environment.warnings, [warning]);
    }

    #[test]
    fn a_log_in_that_was_asked_for_is_never_left_out() {
        let of = |auth, more: &[(&str, &str)]| {
            let variables = [&[("AUTH_TYPE", auth)], more].concat();
            read(&variables).map(|it| format!("{:?}", it.users)).map_err(|error| error.to_string())
        };
        let ada =
            [("SPRING_SECURITY_USER_NAME", "ada"), ("SPRING_SECURITY_USER_PASSWORD", "umbrella")];
        assert_eq!(of("LOGIN_FORM", &ada).unwrap(), r#"{"ada"}"#);
        assert_eq!(of("DISABLED", &ada).unwrap(), "{}");
        assert!(of("LOGIN_FORM", &ada[..1]).unwrap_err().contains("PASSWORD"));
        assert!(of("OAUTH2", &ada).unwrap_err().contains("OAUTH2"));
    }

    #[test]
    fn a_cluster_that_wants_encryption_or_a_login_is_refused() {
        let of = |protocol| {
            read(&[
                ("KAFKA_CLUSTERS_0_BOOTSTRAPSERVERS", "one:9092"),
                ("KAFKA_CLUSTERS_0_PROPERTIES_SECURITY_PROTOCOL", protocol),
            ])
        };
        for protocol in ["SASL_SSL", "SASL_PLAINTEXT", "SSL"] {
            let error = of(protocol).unwrap_err().to_string();
            let named = format!("KAFKA_CLUSTERS_0_PROPERTIES_SECURITY_PROTOCOL={protocol}");
            assert!(error.starts_with(&named) && error.contains("PLAINTEXT only"), "{error}");
        }
        assert_eq!(of("PLAINTEXT").unwrap().warnings, [""; 0]);
    }

    #[test]
    fn a_cluster_without_an_address_is_refused() {
        let error = read(&[("KAFKA_CLUSTERS_0_NAME", "local")]).unwrap_err();
        assert!(error.to_string().contains("KAFKA_CLUSTERS_0_BOOTSTRAPSERVERS"));
    }
}
