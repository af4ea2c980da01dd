//! Keys of SASL.
//!
//! Kafka: `SaslConfigs` and `BrokerSecurityConfigs`.

use crate::value::{Class, List, Password, Text};

keys! { SASL_KEYS: Broker;

    SASL_CLIENT_CALLBACK_HANDLER_CLASS: Option<Class> = null("sasl.client.callback.handler.class");

    SASL_ENABLED_MECHANISMS: List = with("sasl.enabled.mechanisms", "GSSAPI").per_broker();

    SASL_JAAS_CONFIG: Option<Password> = null("sasl.jaas.config").per_broker();

    SASL_KERBEROS_KINIT_CMD: Text = with("sasl.kerberos.kinit.cmd", "/usr/bin/kinit").per_broker();

    SASL_KERBEROS_MIN_TIME_BEFORE_RELOGIN: i64 =
        with("sasl.kerberos.min.time.before.relogin", "60000")
        .per_broker();

    SASL_KERBEROS_PRINCIPAL_TO_LOCAL_RULES: List =
        with("sasl.kerberos.principal.to.local.rules", "DEFAULT")
        .per_broker();

    SASL_KERBEROS_SERVICE_NAME: Option<Text> = null("sasl.kerberos.service.name").per_broker();

    SASL_KERBEROS_TICKET_RENEW_JITTER: f64 = with("sasl.kerberos.ticket.renew.jitter", "0.05")
        .per_broker();

    SASL_KERBEROS_TICKET_RENEW_WINDOW_FACTOR: f64 =
        with("sasl.kerberos.ticket.renew.window.factor", "0.8")
        .per_broker();

    SASL_LOGIN_CALLBACK_HANDLER_CLASS: Option<Class> = null("sasl.login.callback.handler.class");

    SASL_LOGIN_CLASS: Option<Class> = null("sasl.login.class");

    SASL_LOGIN_CONNECT_TIMEOUT_MS: Option<i32> = null("sasl.login.connect.timeout.ms").low();

    SASL_LOGIN_READ_TIMEOUT_MS: Option<i32> = null("sasl.login.read.timeout.ms").low();

    SASL_LOGIN_REFRESH_BUFFER_SECONDS: i16 = with("sasl.login.refresh.buffer.seconds", "300")
        .per_broker();

    SASL_LOGIN_REFRESH_MIN_PERIOD_SECONDS: i16 = with("sasl.login.refresh.min.period.seconds", "60")
        .per_broker();

    SASL_LOGIN_REFRESH_WINDOW_FACTOR: f64 = with("sasl.login.refresh.window.factor", "0.8")
        .per_broker();

    SASL_LOGIN_REFRESH_WINDOW_JITTER: f64 = with("sasl.login.refresh.window.jitter", "0.05")
        .per_broker();

    SASL_LOGIN_RETRY_BACKOFF_MAX_MS: i64 = with("sasl.login.retry.backoff.max.ms", "10000").low();

    SASL_LOGIN_RETRY_BACKOFF_MS: i64 = with("sasl.login.retry.backoff.ms", "100").low();

    SASL_MECHANISM_CONTROLLER_PROTOCOL: Text = with("sasl.mechanism.controller.protocol", "GSSAPI")
        .high();

    SASL_MECHANISM_INTER_BROKER_PROTOCOL: Text =
        with("sasl.mechanism.inter.broker.protocol", "GSSAPI")
        .per_broker();

    SASL_SERVER_CALLBACK_HANDLER_CLASS: Option<Class> = null("sasl.server.callback.handler.class");

    SASL_SERVER_MAX_RECEIVE_SIZE: i32 = with("sasl.server.max.receive.size", "524288");
}
