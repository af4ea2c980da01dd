//! The weather demo: see the module above for data and format.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use clap::Args;
use ottla_client::{Client, Compression, Delivery, ErrorCode, NewTopic, Producer, Record};
use tokio::time::Instant;

use crate::{
    command::produce::{producer_config, to_f64},
    exit::{Exit, Failure, Outcome},
    progress::Progress,
    session::Session,
    time::parse_time,
};

/// The embedded data, CC0; see the module above.
const DATA: &[u8] = include_bytes!("../../../data/weather.csv.zst");
/// The most that the data decompresses to.
const DATA_MAX: usize = 8 << 20;
/// Deliveries that may be waited for at the same time.
const PENDING_MAX: usize = 20_000;

/// Stream a year of hourly weather into the topics EWR, JFK and LGA
#[derive(Args, Clone, Debug)]
pub struct Weather {
    /// How much faster than the clock: 3600 is an hour of weather per second, `max` all at once
    #[arg(long, default_value = "3600", value_parser = parse_speed, value_name = "FACTOR|max")]
    speed: Speed,
    /// Begin anew after the last observation
    #[arg(long = "loop")]
    repeats: bool,
    /// End after this many observations
    #[arg(short = 'n', long, value_name = "N")]
    count: Option<usize>,
    /// Partitions of the topics, if they are created
    #[arg(short, long, default_value_t = 1)]
    partitions: i32,
    /// The records get the time of the observation instead of the present
    #[arg(long)]
    event_time: bool,
    /// Another weather.csv with the columns origin, time_hour, temp and wind_speed
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
}

/// How fast time passes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Speed {
    Factor(f64),
    Max,
}

fn parse_speed(text: &str) -> Result<Speed, String> {
    if text == "max" {
        return Ok(Speed::Max);
    }
    let factor: Option<f64> = text.trim_end_matches('x').parse().ok();
    let factor = factor.filter(|factor| factor.is_finite() && *factor > 0.0);
    let wrong = || format!("'{text}' is not a speed: 1, 3600 or max are expected");
    factor.map(Speed::Factor).ok_or_else(wrong)
}

/// One hour at one airport. What was not measured is `None`; numbers stay as they were written.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Observation<'a> {
    station: &'a str,
    time: &'a str,
    time_ms: i64,
    temperature: Option<&'a str>,
    windspeed: Option<&'a str>,
}

impl Observation<'_> {
    /// The two records.
    fn records(&self, event_time: bool) -> [Record; 2] {
        let record = |key: &'static str, value: Option<&str>| {
            let value = value.unwrap_or("null");
            let json = format!("{{\"time\":\"{}\",\"value\":{value}}}", self.time);
            let record = Record::to(self.station).key(key).value(json);
            if event_time { record.timestamp(self.time_ms) } else { record }
        };
        [record("temperature", self.temperature), record("windspeed", self.windspeed)]
    }
}

/// Reads the CSV; the observations come in order of time, the airports in turn.
fn observations(csv: &str) -> Result<Vec<Observation<'_>>, String> {
    let mut lines = csv.lines();
    let names: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let place = |name: &str| {
        let place = names.iter().position(|other| other.trim_matches('"') == name);
        place.ok_or_else(|| format!("it has no column {name}"))
    };
    let (origin, time) = (place("origin")?, place("time_hour")?);
    let (temp, wind) = (place("temp")?, place("wind_speed")?);
    let mut observations = Vec::new();
    for (number, line) in (2..).zip(lines) {
        let fields: Vec<&str> = line.split(',').map(|field| field.trim_matches('"')).collect();
        let field = |place: usize| {
            fields.get(place).copied().ok_or_else(|| format!("line {number} is too short"))
        };
        let measured = |place: usize| {
            let text = field(place)?;
            if text.is_empty() || text == "NA" {
                return Ok(None);
            }
            let is_number = text.parse::<f64>().is_ok_and(f64::is_finite);
            if is_number {
                Ok(Some(text))
            } else {
                Err(format!("line {number}: {text} is no number"))
            }
        };
        let time = field(time)?;
        observations.push(Observation {
            station: field(origin)?,
            time,
            time_ms: parse_time(time, 0)?,
            temperature: measured(temp)?,
            windspeed: measured(wind)?,
        });
    }
    // The sort keeps the file's order of airports within an hour.
    observations.sort_by_key(|observation| observation.time_ms);
    Ok(observations)
}

impl Weather {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        let wrong = |why: String| Failure::new(Exit::Failed, "cannot read the weather", why);
        let bytes = match &self.data {
            Some(path) => std::fs::read(path).map_err(|error| wrong(error.to_string()))?,
            None => Compression::Zstd
                .decompress(DATA, DATA_MAX)
                .map_err(|error| wrong(error.to_string()))?,
        };
        let csv = String::from_utf8(bytes).map_err(|error| wrong(error.to_string()))?;
        let mut weather = observations(&csv).map_err(wrong)?;
        if let Some(count) = self.count.filter(|_| !self.repeats) {
            weather.truncate(count);
        }
        let client = session.client().await?;
        let mut stations: Vec<&str> = weather.iter().map(|it| it.station).collect();
        stations.sort_unstable();
        stations.dedup();
        self.create_topics(session, &client, &stations).await?;
        let producer = client.producer_with(producer_config(&session.settings()?)?);
        let total = if self.repeats { None } else { u64::try_from(weather.len()).ok() };
        let progress = Progress::new(total, session.global.quiet);
        let sent = self.stream(session, &producer, &weather, &progress).await;
        progress.finish();
        let sent = sent?;
        session.say(&format!(
            "{sent} observations, {} records into {}",
            sent * 2,
            stations.join(", ")
        ));
        Ok(if session.stop.is_requested() { Exit::Interrupted } else { Exit::Ok })
    }

    async fn create_topics(
        &self,
        session: &Session,
        client: &Client,
        stations: &[&str],
    ) -> Result<(), Failure> {
        let topics: Vec<NewTopic> = stations
            .iter()
            .map(|station| NewTopic::new(*station).partitions(self.partitions))
            .collect();
        for (name, result) in client.admin().create_topics(&topics, false).await? {
            match result {
                Ok(_) => session.explain(&format!("created topic {name}")),
                Err(error) if error.code() == Some(ErrorCode::TopicAlreadyExists) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Sends observations when their time has come. Gives how many were sent.
    async fn stream(
        &self,
        session: &Session,
        producer: &Producer,
        weather: &[Observation<'_>],
        progress: &Progress,
    ) -> Result<usize, Failure> {
        let mut pending: Vec<Delivery> = Vec::new();
        let mut sent = 0;
        let mut shown: BTreeMap<&str, &str> = BTreeMap::new();
        loop {
            let started = Instant::now();
            let first_ms = weather.first().map_or(0, |observation| observation.time_ms);
            for observation in weather {
                if session.stop.is_requested() || self.count.is_some_and(|count| sent >= count) {
                    wait_all(&mut pending).await?;
                    return Ok(sent);
                }
                if let Speed::Factor(factor) = self.speed {
                    let behind = u64::try_from(observation.time_ms - first_ms).unwrap_or(0);
                    let due = to_f64(behind) / 1000.0 / factor;
                    let due = started + Duration::try_from_secs_f64(due).unwrap_or_default();
                    tokio::select! {
                        () = tokio::time::sleep_until(due) => {}
                        () = session.stop.requested() => continue,
                    }
                }
                for record in observation.records(self.event_time) {
                    pending.push(producer.enqueue(record).await?);
                }
                sent += 1;
                progress.set(u64::try_from(sent).unwrap_or(0));
                if let Some(temperature) = observation.temperature {
                    shown.insert(observation.station, temperature);
                    let now = shown.iter().map(|(station, it)| format!("{station} {it}°F"));
                    let now: Vec<String> = now.collect();
                    progress.message(format!("{}  {}", observation.time, now.join("  ")));
                }
                if pending.len() >= PENDING_MAX {
                    wait_all(&mut pending).await?;
                }
            }
            wait_all(&mut pending).await?;
            if !self.repeats || weather.is_empty() {
                return Ok(sent);
            }
        }
    }
}

async fn wait_all(pending: &mut Vec<Delivery>) -> Result<(), Failure> {
    for delivery in pending.drain(..) {
        delivery.wait().await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embedded() -> String {
        String::from_utf8(Compression::Zstd.decompress(DATA, DATA_MAX).unwrap()).unwrap()
    }

    #[test]
    fn the_embedded_year_is_whole_and_in_order() {
        let csv = embedded();
        let weather = observations(&csv).unwrap();
        assert_eq!(weather.len(), 26_115);
        assert!(weather.is_sorted_by_key(|observation| observation.time_ms));
        let missing = |of: fn(&Observation<'_>) -> bool| weather.iter().filter(|it| of(it)).count();
        assert_eq!(missing(|it| it.temperature.is_none()), 1);
        assert_eq!(missing(|it| it.windspeed.is_none()), 4);
    }

    #[test]
    fn an_observation_gives_two_records_with_the_numbers_as_measured() {
        let csv = embedded();
        let weather = observations(&csv).unwrap();
        let records = weather[0].records(false);
        let expected = [
            Record::to("EWR")
                .key("temperature")
                .value("{\"time\":\"2013-01-01T06:00:00Z\",\"value\":39.02}"),
            Record::to("EWR")
                .key("windspeed")
                .value("{\"time\":\"2013-01-01T06:00:00Z\",\"value\":10.357019999999999}"),
        ];
        assert_eq!(records, expected);
    }

    #[test]
    fn what_was_not_measured_is_null() {
        let csv = "origin,time_hour,temp,wind_speed\nJFK,2013-01-01T06:00:00Z,NA,1.5\n";
        let weather = observations(csv).unwrap();
        let [temperature, _] = weather[0].records(true);
        let expected = Record::to("JFK")
            .key("temperature")
            .value("{\"time\":\"2013-01-01T06:00:00Z\",\"value\":null}")
            .timestamp(1_357_020_000_000);
        assert_eq!(temperature, expected);
    }

    #[test]
    fn a_wrong_file_is_refused_with_a_reason() {
        assert!(observations("a,b\n1,2\n").is_err());
        let csv = "origin,time_hour,temp,wind_speed\nJFK,2013-01-01T06:00:00Z,warm,1.5\n";
        assert!(observations(csv).unwrap_err().contains("warm"));
    }

    #[test]
    fn speeds_are_factors_or_max() {
        assert_eq!(parse_speed("max"), Ok(Speed::Max));
        assert_eq!(parse_speed("60x"), Ok(Speed::Factor(60.0)));
        assert!(parse_speed("0").is_err());
        assert!(parse_speed("warp").is_err());
    }
}
