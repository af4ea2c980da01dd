//! Keys of TLS.
//!
//! Kafka: `SslConfigs`.

use crate::value::{Class, List, Password, Text};

keys! { TLS_KEYS: Broker;

    /// Whether a new certificate may have another distinguished name than the one before.
    SSL_ALLOW_DN_CHANGES: bool = with("ssl.allow.dn.changes", "false").low();

    /// Whether a new certificate may lack alternative names of the one before.
    SSL_ALLOW_SAN_CHANGES: bool = with("ssl.allow.san.changes", "false").low();

    /// Cipher suites that TLS may use; empty allows all that are known.
    SSL_CIPHER_SUITES: List = with("ssl.cipher.suites", "").per_broker();

    /// Whether TLS clients must, may or need not show a certificate.
    SSL_CLIENT_AUTH: Text = with("ssl.client.auth", "none")
        .one_of(&["required", "requested", "none"]).per_broker();

    /// Versions of TLS that are spoken.
    SSL_ENABLED_PROTOCOLS: List = with("ssl.enabled.protocols", "TLSv1.2,TLSv1.3").per_broker();

    /// How a server's name is checked against its certificate; empty does not check.
    SSL_ENDPOINT_IDENTIFICATION_ALGORITHM: Text =
        with("ssl.endpoint.identification.algorithm", "https")
        .low().per_broker();

    /// Java class that makes TLS engines.
    SSL_ENGINE_FACTORY_CLASS: Option<Class> = null("ssl.engine.factory.class").low().per_broker();

    /// Password of the private key.
    SSL_KEY_PASSWORD: Option<Password> = null("ssl.key.password").per_broker();

    /// Algorithm by which Java picks its own certificate.
    SSL_KEYMANAGER_ALGORITHM: Text = with("ssl.keymanager.algorithm", "SunX509").per_broker();

    /// Own certificate and its issuers, as PEM text.
    SSL_KEYSTORE_CERTIFICATE_CHAIN: Option<Password> = null("ssl.keystore.certificate.chain")
        .per_broker();

    /// Private key, as PEM text.
    SSL_KEYSTORE_KEY: Option<Password> = null("ssl.keystore.key").per_broker();

    /// File with the private key and certificate.
    SSL_KEYSTORE_LOCATION: Option<Text> = null("ssl.keystore.location").per_broker();

    /// Password of the file with the private key and certificate.
    SSL_KEYSTORE_PASSWORD: Option<Password> = null("ssl.keystore.password").per_broker();

    /// Format of the file with the private key and certificate: JKS, PKCS12 or PEM.
    SSL_KEYSTORE_TYPE: Text = with("ssl.keystore.type", "JKS").per_broker();

    /// Rules that shorten the names in client certificates to user names.
    SSL_PRINCIPAL_MAPPING_RULES: Text = with("ssl.principal.mapping.rules", "DEFAULT").low();

    /// Version of TLS that is preferred.
    SSL_PROTOCOL: Text = with("ssl.protocol", "TLSv1.3").per_broker();

    /// Java provider that implements TLS.
    SSL_PROVIDER: Option<Text> = null("ssl.provider").per_broker();

    /// Java's source of random numbers for TLS.
    SSL_SECURE_RANDOM_IMPLEMENTATION: Option<Text> = null("ssl.secure.random.implementation")
        .low().per_broker();

    /// Algorithm by which Java trusts other certificates.
    SSL_TRUSTMANAGER_ALGORITHM: Text = with("ssl.trustmanager.algorithm", "PKIX").per_broker();

    /// Trusted certificates, as PEM text.
    SSL_TRUSTSTORE_CERTIFICATES: Option<Password> = null("ssl.truststore.certificates")
        .per_broker();

    /// File with the trusted certificates.
    SSL_TRUSTSTORE_LOCATION: Option<Text> = null("ssl.truststore.location").per_broker();

    /// Password of the file with the trusted certificates.
    SSL_TRUSTSTORE_PASSWORD: Option<Password> = null("ssl.truststore.password").per_broker();

    /// Format of the file with the trusted certificates: JKS, PKCS12 or PEM.
    SSL_TRUSTSTORE_TYPE: Text = with("ssl.truststore.type", "JKS").per_broker();
}
