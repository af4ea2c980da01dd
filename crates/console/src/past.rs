//! The moment that a request is about: now, or one of the past.
//!
//! Kafka: none.

use axum::http::StatusCode;
use ottla_broker::views::{Asked, Gone, Moment, Views};
use serde::Deserialize;

use crate::{clock::now_ms, console::Console, error::ApiError};

/// What comes before the number of an event.
const SEQ: &str = "seq:";

/// Which moment is wanted.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AtQuery {
    /// As it was then: a time in ms since 1970, or `seq:` and the number of an event, which is the
    /// moment before it. Missing: now. Where the journal does not reach back as far, the answer has
    /// status 410 and code `GONE`.
    at: Option<String>,
}

impl AtQuery {
    /// The moment, where the broker can look back: another cluster is only shown as it is now.
    pub(crate) fn moment_in(
        &self,
        console: &Console,
        asked: Asked,
    ) -> Result<Option<Moment>, ApiError> {
        if self.at.as_deref().is_none_or(str::is_empty) {
            return Ok(None);
        }
        self.moment(console.own()?, asked)
    }

    /// The moment, if it is one of the past that is known.
    pub(crate) fn moment(&self, views: &Views, asked: Asked) -> Result<Option<Moment>, ApiError> {
        let Some(at) = self.at.as_deref().filter(|at| !at.is_empty()) else { return Ok(None) };
        let wrong = || ApiError::bad_request(format!("'{at}' is neither a time in ms nor seq:N"));
        let moment = match at.strip_prefix(SEQ) {
            Some(seq) => views.moment_before(seq.parse().map_err(|_| wrong())?),
            None => views.moment_at(at.parse().map_err(|_| wrong())?),
        };
        if moment.time_ms > now_ms() {
            return Err(ApiError::bad_request(format!("'{at}' has yet to come")));
        }
        views.reaches(moment, asked).map_err(ApiError::from)?;
        Ok(Some(moment))
    }
}

impl From<Gone> for ApiError {
    fn from(gone: Gone) -> Self {
        let seconds = now_ms().saturating_sub(gone.since_ms).max(0) / 1_000;
        let message = format!("what this was then is not known any more: {gone}");
        Self::new(StatusCode::GONE, "GONE", message)
            .with_hint(format!("ask for a moment of the last {seconds} seconds"))
    }
}
