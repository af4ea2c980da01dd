//! Times and durations as people write them, without a time zone database: everything is UTC.
//!
//! Invariant: [`format_rfc3339`] of a time is read back by [`parse_time`] as the same millisecond.

use std::time::Duration;

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// A time in its parts, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Civil {
    pub(crate) year: i64,
    pub(crate) month: i64,
    pub(crate) day: i64,
    pub(crate) hour: i64,
    pub(crate) minute: i64,
    pub(crate) second: i64,
    pub(crate) milli: i64,
}

impl Civil {
    /// The parts of a time in ms since 1970.
    pub(crate) fn from_ms(ms: i64) -> Self {
        let (days, rest) = (ms.div_euclid(DAY_MS), ms.rem_euclid(DAY_MS));
        // Years begin in March here, so that the leap day is a year's last.
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        Self {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month,
            day: day_of_year - (153 * month_from_march + 2) / 5 + 1,
            hour: rest / 3_600_000,
            minute: rest / 60_000 % 60,
            second: rest / 1000 % 60,
            milli: rest % 1000,
        }
    }

    /// Milliseconds since 1970.
    pub(crate) const fn to_ms(self) -> i64 {
        let year = if self.month <= 2 { self.year - 1 } else { self.year };
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let month_from_march = if self.month > 2 { self.month - 3 } else { self.month + 9 };
        let day_of_year = (153 * month_from_march + 2) / 5 + self.day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        let days = era * 146_097 + day_of_era - 719_468;
        days * DAY_MS
            + self.hour * 3_600_000
            + self.minute * 60_000
            + self.second * 1000
            + self.milli
    }
}

/// `2026-11-23T10:00:00.123Z`.
pub(crate) fn format_rfc3339(ms: i64) -> String {
    let it = Civil::from_ms(ms);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        it.year, it.month, it.day, it.hour, it.minute, it.second, it.milli
    )
}

/// The common letters of `strftime`: `%Y %m %d %H %M %S %F %T %L` (ms) and `%s`.
pub(crate) fn format_with(pattern: &str, ms: i64) -> String {
    use std::fmt::Write as _;
    let it = Civil::from_ms(ms);
    let mut out = String::new();
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            out.push(letter);
            continue;
        }
        let written = match letters.next() {
            Some('Y') => write!(out, "{:04}", it.year),
            Some('m') => write!(out, "{:02}", it.month),
            Some('d') => write!(out, "{:02}", it.day),
            Some('H') => write!(out, "{:02}", it.hour),
            Some('M') => write!(out, "{:02}", it.minute),
            Some('S') => write!(out, "{:02}", it.second),
            Some('L') => write!(out, "{:03}", it.milli),
            Some('F') => write!(out, "{:04}-{:02}-{:02}", it.year, it.month, it.day),
            Some('T') => write!(out, "{:02}:{:02}:{:02}", it.hour, it.minute, it.second),
            Some('s') => write!(out, "{}", ms.div_euclid(1000)),
            Some('%') | None => out.write_char('%'),
            Some(other) => write!(out, "%{other}"),
        };
        if written.is_err() {
            break;
        }
    }
    out
}

/// A time: `2026-11-23`, `2026-11-23T10:00[:00[.123]][Z|+01:00]`, ms since 1970, or a distance to
/// now as in `-15m`.
pub(crate) fn parse_time(text: &str, now_ms: i64) -> Result<i64, String> {
    if let Some(distance) = text.strip_prefix('-').filter(|rest| !rest.is_empty()) {
        let distance = parse_duration(distance)?;
        let ms = i64::try_from(distance.as_millis()).unwrap_or(i64::MAX);
        return Ok(now_ms.saturating_sub(ms));
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
        return text.parse().map_err(|_| format!("'{text}' is too large for a time in ms"));
    }
    parse_civil(text).ok_or_else(|| {
        format!("'{text}' is not a time: 2026-11-23T10:00, ms since 1970 or -15m are expected")
    })
}

fn parse_civil(text: &str) -> Option<i64> {
    let (date, time) = text.split_once(['T', ' ']).unwrap_or((text, "00:00Z"));
    let mut date = date.splitn(3, '-');
    let (year, month, day) = (number(date.next()?)?, number(date.next()?)?, number(date.next()?)?);
    let (time, zone_minutes) = split_zone(time)?;
    let mut time = time.splitn(3, ':');
    let (hour, minute) = (number(time.next()?)?, number(time.next()?)?);
    let (second, milli) = match time.next() {
        None => (0, 0),
        Some(seconds) => match seconds.split_once('.') {
            None => (number(seconds)?, 0),
            Some((whole, fraction)) => {
                let digits: String = fraction.chars().chain("000".chars()).take(3).collect();
                (number(whole)?, number(&digits)?)
            }
        },
    };
    let is_valid = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 61
        && year < 100_000;
    let civil = Civil { year, month, day, hour, minute, second, milli };
    is_valid.then(|| civil.to_ms() - zone_minutes * 60_000)
}

/// Splits `10:00+01:00` into the time and the zone's minutes east of UTC.
fn split_zone(time: &str) -> Option<(&str, i64)> {
    if let Some(time) = time.strip_suffix(['Z', 'z']) {
        return Some((time, 0));
    }
    for (sign, factor) in [('+', 1), ('-', -1)] {
        if let Some((time, zone)) = time.split_once(sign) {
            let (hours, minutes) = zone.split_once(':').unwrap_or((zone, "0"));
            return Some((time, factor * (number(hours)? * 60 + number(minutes)?)));
        }
    }
    Some((time, 0))
}

fn number(text: &str) -> Option<i64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

/// A duration: `500ms`, `30s`, `15m`, `2h`, `7d`, `1h30m`. A number alone is seconds.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("'{text}' is not a duration: 500ms, 30s, 15m, 2h or 7d are expected");
    let mut total = Duration::ZERO;
    let mut rest = text;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (amount, tail) = rest.split_at_checked(end).ok_or_else(wrong)?;
        let end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(end).ok_or_else(wrong)?;
        let seconds = match unit {
            "ms" => 0.001,
            "s" | "" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            "w" => 604_800.0,
            _ => return Err(wrong()),
        };
        let amount: f64 = amount.parse().map_err(|_| wrong())?;
        let part = Duration::try_from_secs_f64(amount * seconds).map_err(|_| wrong())?;
        total = total.checked_add(part).ok_or_else(wrong)?;
        rest = tail;
    }
    Ok(total)
}

/// A size in bytes: `100`, `1KB`, `1KiB`, `10MB`, `1GiB`. `K`, `M`, `G` alone are binary.
pub(crate) fn parse_size(text: &str) -> Result<usize, String> {
    let wrong = || format!("'{text}' is not a size: 100, 1KB, 1KiB or 10MB are expected");
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (amount, unit) = text.split_at_checked(end).ok_or_else(wrong)?;
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1000,
        "k" | "kib" => 1 << 10,
        "mb" => 1_000_000,
        "m" | "mib" => 1 << 20,
        "gb" => 1_000_000_000,
        "g" | "gib" => 1 << 30,
        _ => return Err(wrong()),
    };
    let amount: usize = amount.parse().map_err(|_| wrong())?;
    amount.checked_mul(factor).ok_or_else(wrong)
}

/// Now, in ms since 1970.
pub(crate) fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_back_as_written() {
        for ms in [0, 951_782_400_000, 1_356_998_400_000, 1_700_000_000_123, -1] {
            assert_eq!(parse_time(&format_rfc3339(ms), 0), Ok(ms), "{}", format_rfc3339(ms));
        }
        assert_eq!(format_rfc3339(951_782_400_000), "2000-02-29T00:00:00.000Z");
    }

    #[test]
    fn times_may_be_short_have_a_zone_or_be_relative() {
        assert_eq!(parse_time("2013-01-01", 0), Ok(1_356_998_400_000));
        assert_eq!(parse_time("2013-01-01T01:00+01:00", 0), Ok(1_356_998_400_000));
        assert_eq!(parse_time("2012-12-31T19:00-05:00", 0), Ok(1_356_998_400_000));
        assert_eq!(parse_time("-15m", 1_000_000), Ok(100_000));
        assert_eq!(parse_time("1356998400000", 0), Ok(1_356_998_400_000));
        for wrong in ["", "-", "yesterday", "2013-13-01", "2013-01-01T25:00"] {
            assert!(parse_time(wrong, 0).is_err(), "{wrong}");
        }
    }

    #[test]
    fn durations_and_sizes_have_units() {
        assert_eq!(parse_duration("1h30m"), Ok(Duration::from_mins(90)));
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("5"), Ok(Duration::from_secs(5)));
        assert!(parse_duration("5 fortnights").is_err());
        assert_eq!(parse_size("1KiB"), Ok(1024));
        assert_eq!(parse_size("10MB"), Ok(10_000_000));
        assert!(parse_size("KB").is_err());
    }

    #[test]
    fn patterns_are_strftimes() {
        assert_eq!(
            format_with("%H:%M:%S.%L on %F %%", 1_700_000_000_123),
            "22:13:20.123 on 2023-11-14 %"
        );
    }
}
