//! Keys of SASL.
//!
//! Kafka: `SaslConfigs` and `BrokerSecurityConfigs`.

use crate::value::{Class, List, Password, Text};

keys! { SASL_KEYS: Broker;

    /// Java class that answers the questions of a SASL client.
    SASL_CLIENT_CALLBACK_HANDLER_CLASS: Option<Class> = null("sasl.client.callback.handler.class");

    /// SASL mechanisms clients may authenticate with.
    SASL_ENABLED_MECHANISMS: List = with("sasl.enabled.mechanisms", "GSSAPI").per_broker();

    /// JAAS entry with the credentials of a listener, in the format of JAAS files.
    SASL_JAAS_CONFIG: Option<Password> = null("sasl.jaas.config").per_broker();

    /// Path of the kinit command.
    SASL_KERBEROS_KINIT_CMD: Text = with("sasl.kerberos.kinit.cmd", "/usr/bin/kinit").per_broker();

    /// Shortest time between two logins to Kerberos.
    SASL_KERBEROS_MIN_TIME_BEFORE_RELOGIN: i64 =
        with("sasl.kerberos.min.time.before.relogin", "60000")
        .per_broker();

    /// Rules that shorten Kerberos principals to user names; the first that fits counts.
    SASL_KERBEROS_PRINCIPAL_TO_LOCAL_RULES: List =
        with("sasl.kerberos.principal.to.local.rules", "DEFAULT")
        .per_broker();

    /// Name of the Kerberos service the broker runs as.
    SASL_KERBEROS_SERVICE_NAME: Option<Text> = null("sasl.kerberos.service.name").per_broker();

    /// Random part of the time after which a Kerberos ticket is renewed, as a fraction.
    SASL_KERBEROS_TICKET_RENEW_JITTER: f64 = with("sasl.kerberos.ticket.renew.jitter", "0.05")
        .per_broker();

    /// Fraction of its life after which a Kerberos ticket is renewed.
    SASL_KERBEROS_TICKET_RENEW_WINDOW_FACTOR: f64 =
        with("sasl.kerberos.ticket.renew.window.factor", "0.8")
        .per_broker();

    /// Java class that answers the questions of a SASL login.
    SASL_LOGIN_CALLBACK_HANDLER_CLASS: Option<Class> = null("sasl.login.callback.handler.class");

    /// Java class that performs SASL logins.
    SASL_LOGIN_CLASS: Option<Class> = null("sasl.login.class");

    /// Time a connection to a provider of tokens may take to open.
    SASL_LOGIN_CONNECT_TIMEOUT_MS: Option<i32> = null("sasl.login.connect.timeout.ms").low();

    /// Time a provider of tokens may take to answer.
    SASL_LOGIN_READ_TIMEOUT_MS: Option<i32> = null("sasl.login.read.timeout.ms").low();

    /// Seconds before a token expires by which it should have been refreshed.
    SASL_LOGIN_REFRESH_BUFFER_SECONDS: i16 = with("sasl.login.refresh.buffer.seconds", "300")
        .per_broker();

    /// Shortest life of a token, in seconds, before it is refreshed.
    SASL_LOGIN_REFRESH_MIN_PERIOD_SECONDS: i16 = with("sasl.login.refresh.min.period.seconds", "60")
        .per_broker();

    /// Fraction of its life after which a token is refreshed.
    SASL_LOGIN_REFRESH_WINDOW_FACTOR: f64 = with("sasl.login.refresh.window.factor", "0.8")
        .per_broker();

    /// Random part of the time after which a token is refreshed, as a fraction.
    SASL_LOGIN_REFRESH_WINDOW_JITTER: f64 = with("sasl.login.refresh.window.jitter", "0.05")
        .per_broker();

    /// Longest pause between two attempts to get a token.
    SASL_LOGIN_RETRY_BACKOFF_MAX_MS: i64 = with("sasl.login.retry.backoff.max.ms", "10000").low();

    /// First pause between two attempts to get a token.
    SASL_LOGIN_RETRY_BACKOFF_MS: i64 = with("sasl.login.retry.backoff.ms", "100").low();

    /// SASL mechanism of connections to controllers.
    SASL_MECHANISM_CONTROLLER_PROTOCOL: Text = with("sasl.mechanism.controller.protocol", "GSSAPI")
        .high();

    /// SASL mechanism of connections between brokers.
    SASL_MECHANISM_INTER_BROKER_PROTOCOL: Text =
        with("sasl.mechanism.inter.broker.protocol", "GSSAPI")
        .per_broker();

    /// Java class that answers the questions of a SASL server.
    SASL_SERVER_CALLBACK_HANDLER_CLASS: Option<Class> = null("sasl.server.callback.handler.class");

    /// Largest message of a client during authentication.
    SASL_SERVER_MAX_RECEIVE_SIZE: i32 = with("sasl.server.max.receive.size", "524288");
}
