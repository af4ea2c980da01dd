//! Keys of authorization, principals and delegation tokens.
//!
//! Kafka: `BrokerSecurityConfigs`, `ServerConfigs` and `DelegationTokenManagerConfigs`.

use crate::value::{Class, Password, Text};

keys! { SECURITY_KEYS: Broker;

    AUTHORIZER_CLASS_NAME: Text = with("authorizer.class.name", "").low();

    DELEGATION_TOKEN_EXPIRY_CHECK_INTERVAL_MS: i64 =
        with("delegation.token.expiry.check.interval.ms", "3600000")
        .at_least(1).low();

    DELEGATION_TOKEN_EXPIRY_TIME_MS: i64 = with("delegation.token.expiry.time.ms", "86400000")
        .at_least(1);

    DELEGATION_TOKEN_MAX_LIFETIME_MS: i64 = with("delegation.token.max.lifetime.ms", "604800000")
        .at_least(1);

    DELEGATION_TOKEN_SECRET_KEY: Option<Password> = null("delegation.token.secret.key");

    PRINCIPAL_BUILDER_CLASS: Class =
        with("principal.builder.class", "org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder")
        .per_broker();

    SECURITY_INTER_BROKER_PROTOCOL: Text = with("security.inter.broker.protocol", "PLAINTEXT")
        .one_of(&["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]);

    SECURITY_PROVIDERS: Option<Text> = null("security.providers").low();
}
