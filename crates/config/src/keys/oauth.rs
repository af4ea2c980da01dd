//! Keys of SASL/OAUTHBEARER.
//!
//! Kafka: `SaslConfigs` and `BrokerSecurityConfigs`.

use crate::value::{Class, List, Password, Text};

keys! { OAUTH_KEYS: Broker;

    SASL_OAUTHBEARER_ALLOW_UNVERIFIED_AUDIENCE: bool =
        with("sasl.oauthbearer.allow.unverified.audience", "false");

    SASL_OAUTHBEARER_ALLOW_UNVERIFIED_ISSUER: bool =
        with("sasl.oauthbearer.allow.unverified.issuer", "false");

    SASL_OAUTHBEARER_ASSERTION_ALGORITHM: Text =
        with("sasl.oauthbearer.assertion.algorithm", "RS256")
        .one_of_any_case(&["ES256", "RS256"]);

    SASL_OAUTHBEARER_ASSERTION_CLAIM_AUD: Option<Text> =
        null("sasl.oauthbearer.assertion.claim.aud");

    SASL_OAUTHBEARER_ASSERTION_CLAIM_EXP_SECONDS: i32 =
        with("sasl.oauthbearer.assertion.claim.exp.seconds", "300")
        .between(0, 86_400).low();

    SASL_OAUTHBEARER_ASSERTION_CLAIM_ISS: Option<Text> =
        null("sasl.oauthbearer.assertion.claim.iss");

    SASL_OAUTHBEARER_ASSERTION_CLAIM_JTI_INCLUDE: bool =
        with("sasl.oauthbearer.assertion.claim.jti.include", "false");

    SASL_OAUTHBEARER_ASSERTION_CLAIM_NBF_SECONDS: i32 =
        with("sasl.oauthbearer.assertion.claim.nbf.seconds", "60")
        .between(0, 3600).low();

    SASL_OAUTHBEARER_ASSERTION_CLAIM_SUB: Option<Text> =
        null("sasl.oauthbearer.assertion.claim.sub");

    SASL_OAUTHBEARER_ASSERTION_FILE: Option<Text> = null("sasl.oauthbearer.assertion.file");

    SASL_OAUTHBEARER_ASSERTION_PRIVATE_KEY_FILE: Option<Text> =
        null("sasl.oauthbearer.assertion.private.key.file");

    SASL_OAUTHBEARER_ASSERTION_PRIVATE_KEY_PASSPHRASE: Option<Password> =
        null("sasl.oauthbearer.assertion.private.key.passphrase");

    SASL_OAUTHBEARER_ASSERTION_TEMPLATE_FILE: Option<Text> =
        null("sasl.oauthbearer.assertion.template.file");

    SASL_OAUTHBEARER_CLIENT_CREDENTIALS_CLIENT_ID: Option<Text> =
        null("sasl.oauthbearer.client.credentials.client.id");

    SASL_OAUTHBEARER_CLIENT_CREDENTIALS_CLIENT_SECRET: Option<Password> =
        null("sasl.oauthbearer.client.credentials.client.secret");

    SASL_OAUTHBEARER_CLOCK_SKEW_SECONDS: i32 = with("sasl.oauthbearer.clock.skew.seconds", "30")
        .low();

    SASL_OAUTHBEARER_EXPECTED_AUDIENCE: List = with("sasl.oauthbearer.expected.audience", "")
        .high();

    SASL_OAUTHBEARER_EXPECTED_ISSUER: Option<Text> = null("sasl.oauthbearer.expected.issuer")
        .high();

    SASL_OAUTHBEARER_JWKS_ENDPOINT_REFRESH_MS: i64 =
        with("sasl.oauthbearer.jwks.endpoint.refresh.ms", "3600000")
        .low();

    SASL_OAUTHBEARER_JWKS_ENDPOINT_RETRY_BACKOFF_MAX_MS: i64 =
        with("sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms", "10000")
        .low();

    SASL_OAUTHBEARER_JWKS_ENDPOINT_RETRY_BACKOFF_MS: i64 =
        with("sasl.oauthbearer.jwks.endpoint.retry.backoff.ms", "100")
        .low();

    SASL_OAUTHBEARER_JWKS_ENDPOINT_URL: Option<Text> = null("sasl.oauthbearer.jwks.endpoint.url");

    SASL_OAUTHBEARER_JWT_RETRIEVER_CLASS: Class =
        with("sasl.oauthbearer.jwt.retriever.class", "org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever");

    SASL_OAUTHBEARER_JWT_VALIDATOR_CLASS: Class =
        with("sasl.oauthbearer.jwt.validator.class", "org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator");

    SASL_OAUTHBEARER_SCOPE: Option<Text> = null("sasl.oauthbearer.scope");

    SASL_OAUTHBEARER_SCOPE_CLAIM_NAME: Text = with("sasl.oauthbearer.scope.claim.name", "scope")
        .low();

    SASL_OAUTHBEARER_SUB_CLAIM_NAME: Text = with("sasl.oauthbearer.sub.claim.name", "sub").low();

    SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL: Option<Text> = null("sasl.oauthbearer.token.endpoint.url");
}
