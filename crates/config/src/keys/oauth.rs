//! Keys of SASL/OAUTHBEARER.
//!
//! Kafka: `SaslConfigs` and `BrokerSecurityConfigs`.

use crate::value::{Class, List, Password, Text};

keys! { OAUTH_KEYS: Broker;

    /// Whether tokens are accepted without a look at their audience.
    SASL_OAUTHBEARER_ALLOW_UNVERIFIED_AUDIENCE: bool =
        with("sasl.oauthbearer.allow.unverified.audience", "false");

    /// Whether tokens are accepted without a look at their issuer.
    SASL_OAUTHBEARER_ALLOW_UNVERIFIED_ISSUER: bool =
        with("sasl.oauthbearer.allow.unverified.issuer", "false");

    /// Algorithm that assertions are signed with when asking for a token.
    SASL_OAUTHBEARER_ASSERTION_ALGORITHM: Text =
        with("sasl.oauthbearer.assertion.algorithm", "RS256")
        .one_of_any_case(&["ES256", "RS256"]);

    /// Audience claim of assertions.
    SASL_OAUTHBEARER_ASSERTION_CLAIM_AUD: Option<Text> =
        null("sasl.oauthbearer.assertion.claim.aud");

    /// Seconds that an assertion is valid from now on.
    SASL_OAUTHBEARER_ASSERTION_CLAIM_EXP_SECONDS: i32 =
        with("sasl.oauthbearer.assertion.claim.exp.seconds", "300")
        .between(0, 86_400).low();

    /// Issuer claim of assertions.
    SASL_OAUTHBEARER_ASSERTION_CLAIM_ISS: Option<Text> =
        null("sasl.oauthbearer.assertion.claim.iss");

    /// Whether each assertion gets an id of its own.
    SASL_OAUTHBEARER_ASSERTION_CLAIM_JTI_INCLUDE: bool =
        with("sasl.oauthbearer.assertion.claim.jti.include", "false");

    /// Seconds that an assertion is valid backwards from now.
    SASL_OAUTHBEARER_ASSERTION_CLAIM_NBF_SECONDS: i32 =
        with("sasl.oauthbearer.assertion.claim.nbf.seconds", "60")
        .between(0, 3600).low();

    /// Subject claim of assertions.
    SASL_OAUTHBEARER_ASSERTION_CLAIM_SUB: Option<Text> =
        null("sasl.oauthbearer.assertion.claim.sub");

    /// File with a ready-made assertion.
    SASL_OAUTHBEARER_ASSERTION_FILE: Option<Text> = null("sasl.oauthbearer.assertion.file");

    /// File with the private key that signs assertions.
    SASL_OAUTHBEARER_ASSERTION_PRIVATE_KEY_FILE: Option<Text> =
        null("sasl.oauthbearer.assertion.private.key.file");

    /// Passphrase of the private key that signs assertions.
    SASL_OAUTHBEARER_ASSERTION_PRIVATE_KEY_PASSPHRASE: Option<Password> =
        null("sasl.oauthbearer.assertion.private.key.passphrase");

    /// File with headers and claims that every assertion starts from.
    SASL_OAUTHBEARER_ASSERTION_TEMPLATE_FILE: Option<Text> =
        null("sasl.oauthbearer.assertion.template.file");

    /// Client id to ask for a token with.
    SASL_OAUTHBEARER_CLIENT_CREDENTIALS_CLIENT_ID: Option<Text> =
        null("sasl.oauthbearer.client.credentials.client.id");

    /// Client secret to ask for a token with.
    SASL_OAUTHBEARER_CLIENT_CREDENTIALS_CLIENT_SECRET: Option<Password> =
        null("sasl.oauthbearer.client.credentials.client.secret");

    /// Seconds by which the clock of a token's issuer may differ from ours.
    SASL_OAUTHBEARER_CLOCK_SKEW_SECONDS: i32 = with("sasl.oauthbearer.clock.skew.seconds", "30")
        .low();

    /// Audiences of which a token must have one.
    SASL_OAUTHBEARER_EXPECTED_AUDIENCE: List = with("sasl.oauthbearer.expected.audience", "")
        .high();

    /// Issuer that a token must come from.
    SASL_OAUTHBEARER_EXPECTED_ISSUER: Option<Text> = null("sasl.oauthbearer.expected.issuer")
        .high();

    /// Time between two downloads of the keys that tokens are verified with.
    SASL_OAUTHBEARER_JWKS_ENDPOINT_REFRESH_MS: i64 =
        with("sasl.oauthbearer.jwks.endpoint.refresh.ms", "3600000")
        .low();

    /// Longest pause between two attempts to download verification keys.
    SASL_OAUTHBEARER_JWKS_ENDPOINT_RETRY_BACKOFF_MAX_MS: i64 =
        with("sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms", "10000")
        .low();

    /// First pause between two attempts to download verification keys.
    SASL_OAUTHBEARER_JWKS_ENDPOINT_RETRY_BACKOFF_MS: i64 =
        with("sasl.oauthbearer.jwks.endpoint.retry.backoff.ms", "100")
        .low();

    /// Address of the keys that tokens are verified with.
    SASL_OAUTHBEARER_JWKS_ENDPOINT_URL: Option<Text> = null("sasl.oauthbearer.jwks.endpoint.url");

    /// Java class that gets tokens.
    SASL_OAUTHBEARER_JWT_RETRIEVER_CLASS: Class =
        with("sasl.oauthbearer.jwt.retriever.class", "org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever");

    /// Java class that verifies tokens.
    SASL_OAUTHBEARER_JWT_VALIDATOR_CLASS: Class =
        with("sasl.oauthbearer.jwt.validator.class", "org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator");

    /// Scope to ask for in a token.
    SASL_OAUTHBEARER_SCOPE: Option<Text> = null("sasl.oauthbearer.scope");

    /// Name of the claim that holds a token's scope.
    SASL_OAUTHBEARER_SCOPE_CLAIM_NAME: Text = with("sasl.oauthbearer.scope.claim.name", "scope")
        .low();

    /// Name of the claim that holds a token's subject.
    SASL_OAUTHBEARER_SUB_CLAIM_NAME: Text = with("sasl.oauthbearer.sub.claim.name", "sub").low();

    /// Address of the provider of tokens.
    SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL: Option<Text> = null("sasl.oauthbearer.token.endpoint.url");
}
