//! What comes before every path of the console, where a proxy puts it under another site's name.
//!
//! Kafka: none; `server.servlet.context-path` of kafka-ui.

use std::{fmt, str::FromStr};

/// Empty, or such as `/kafka`: it begins with a slash and does not end with one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BasePath(String);

/// A text is no path to be a base.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no path such as /kafka, of letters, digits and any of -._~")]
pub struct BasePathError(String);

impl FromStr for BasePath {
    type Err = BasePathError;

    fn from_str(text: &str) -> Result<Self, BasePathError> {
        let text = text.trim();
        let path = text.strip_suffix('/').unwrap_or(text);
        let is_fine = |part: &str| {
            let is_fine = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
            !part.is_empty() && !matches!(part, "." | "..") && part.chars().all(is_fine)
        };
        // The console's own routes are told by how they begin.
        let is_own = path == "/api" || path.starts_with("/api/");
        let parts = path.strip_prefix('/').filter(|_| !is_own);
        let is_path = parts.is_some_and(|path| path.split('/').all(is_fine));
        if path.is_empty() || is_path {
            Ok(Self(path.to_owned()))
        } else {
            Err(BasePathError(text.to_owned()))
        }
    }
}

impl BasePath {
    /// A path that was made of such parts.
    pub(crate) fn of(path: &str) -> Self {
        Self(path.to_owned())
    }

    /// This path with a slash behind it: the folder that the app is in.
    pub(crate) fn folder(&self) -> String {
        format!("{}/", self.0)
    }

    /// Whether the console is at the root.
    pub(crate) fn is_root(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for BasePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_is_a_plain_path() {
        for (text, wanted) in [("", ""), ("/", ""), ("/kafka", "/kafka"), ("/a/b-1/", "/a/b-1")] {
            assert_eq!(text.parse(), Ok(BasePath(wanted.to_owned())), "{text}");
        }
        for text in
            ["kafka", "//", "/a//b", "/../a", "/a b", "/\"><script>", "/a?b", "http://x", "/api"]
        {
            assert!(text.parse::<BasePath>().is_err(), "{text}");
        }
    }
}
