//! Keys of authorization, principals and delegation tokens.
//!
//! Kafka: `BrokerSecurityConfigs`, `ServerConfigs` and `DelegationTokenManagerConfigs`.

use crate::value::{Class, Password, Text};

keys! { SECURITY_KEYS: Broker;

    /// Class that decides which principal may do what; empty lets everybody do everything.
    AUTHORIZER_CLASS_NAME: Text = with("authorizer.class.name", "").low();

    /// Time between two searches for expired delegation tokens.
    DELEGATION_TOKEN_EXPIRY_CHECK_INTERVAL_MS: i64 =
        with("delegation.token.expiry.check.interval.ms", "3600000")
        .at_least(1).low();

    /// Time a delegation token is valid without being renewed.
    DELEGATION_TOKEN_EXPIRY_TIME_MS: i64 = with("delegation.token.expiry.time.ms", "86400000")
        .at_least(1);

    /// Time after which a delegation token cannot be renewed any more.
    DELEGATION_TOKEN_MAX_LIFETIME_MS: i64 = with("delegation.token.max.lifetime.ms", "604800000")
        .at_least(1);

    /// Secret that delegation tokens are signed with; the same on all brokers and controllers.
    DELEGATION_TOKEN_SECRET_KEY: Option<Password> = null("delegation.token.secret.key");

    /// Java class that finds out who is at the other end of a connection.
    PRINCIPAL_BUILDER_CLASS: Class =
        with("principal.builder.class", "org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder")
        .per_broker();

    /// Security protocol between brokers; not together with inter.broker.listener.name.
    SECURITY_INTER_BROKER_PROTOCOL: Text = with("security.inter.broker.protocol", "PLAINTEXT")
        .one_of(&["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]);

    /// Java classes that add algorithms for security.
    SECURITY_PROVIDERS: Option<Text> = null("security.providers").low();
}
