//! Keys of TLS.
//!
//! Kafka: `SslConfigs`.

use crate::value::{Class, List, Password, Text};

keys! { TLS_KEYS: Broker;

    SSL_ALLOW_DN_CHANGES: bool = with("ssl.allow.dn.changes", "false").low();

    SSL_ALLOW_SAN_CHANGES: bool = with("ssl.allow.san.changes", "false").low();

    SSL_CIPHER_SUITES: List = with("ssl.cipher.suites", "").per_broker();

    SSL_CLIENT_AUTH: Text = with("ssl.client.auth", "none")
        .one_of(&["required", "requested", "none"]).per_broker();

    SSL_ENABLED_PROTOCOLS: List = with("ssl.enabled.protocols", "TLSv1.2,TLSv1.3").per_broker();

    SSL_ENDPOINT_IDENTIFICATION_ALGORITHM: Text =
        with("ssl.endpoint.identification.algorithm", "https")
        .low().per_broker();

    SSL_ENGINE_FACTORY_CLASS: Option<Class> = null("ssl.engine.factory.class").low().per_broker();

    SSL_KEY_PASSWORD: Option<Password> = null("ssl.key.password").per_broker();

    SSL_KEYMANAGER_ALGORITHM: Text = with("ssl.keymanager.algorithm", "SunX509").per_broker();

    SSL_KEYSTORE_CERTIFICATE_CHAIN: Option<Password> = null("ssl.keystore.certificate.chain")
        .per_broker();

    SSL_KEYSTORE_KEY: Option<Password> = null("ssl.keystore.key").per_broker();

    SSL_KEYSTORE_LOCATION: Option<Text> = null("ssl.keystore.location").per_broker();

    SSL_KEYSTORE_PASSWORD: Option<Password> = null("ssl.keystore.password").per_broker();

    SSL_KEYSTORE_TYPE: Text = with("ssl.keystore.type", "JKS").per_broker();

    SSL_PRINCIPAL_MAPPING_RULES: Text = with("ssl.principal.mapping.rules", "DEFAULT").low();

    SSL_PROTOCOL: Text = with("ssl.protocol", "TLSv1.3").per_broker();

    SSL_PROVIDER: Option<Text> = null("ssl.provider").per_broker();

    SSL_SECURE_RANDOM_IMPLEMENTATION: Option<Text> = null("ssl.secure.random.implementation")
        .low().per_broker();

    SSL_TRUSTMANAGER_ALGORITHM: Text = with("ssl.trustmanager.algorithm", "PKIX").per_broker();

    SSL_TRUSTSTORE_CERTIFICATES: Option<Password> = null("ssl.truststore.certificates")
        .per_broker();

    SSL_TRUSTSTORE_LOCATION: Option<Text> = null("ssl.truststore.location").per_broker();

    SSL_TRUSTSTORE_PASSWORD: Option<Password> = null("ssl.truststore.password").per_broker();

    SSL_TRUSTSTORE_TYPE: Text = with("ssl.truststore.type", "JKS").per_broker();
}
