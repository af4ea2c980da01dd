//! HTTP requests by hand, for tests of the console's listener.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
};

use serde_json::Value;

use crate::in_process::PATIENCE;

/// What a page is.
#[derive(Clone, Debug)]
pub struct Page {
    /// Such as 200.
    pub status: u16,
    /// The head, less the status line, in lower case.
    pub head: String,
    /// What follows the head.
    pub body: Vec<u8>,
}

impl Page {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        let json = serde_json::from_slice(&self.body);
        json.unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }
}

/// A request as it goes out. In HTTP/1.0, so that the answer ends with the connection.
#[derive(Clone, Debug)]
pub struct Asking<'a> {
    method: &'a str,
    path: &'a str,
    headers: Vec<(&'a str, String)>,
    body: Option<String>,
}

impl<'a> Asking<'a> {
    /// A request without a body.
    pub fn new(method: &'a str, path: &'a str) -> Self {
        Self { method, path, headers: Vec::new(), body: None }
    }

    /// With a header, which replaces the usual one.
    pub fn header(mut self, name: &'a str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// With a body of JSON.
    pub fn body(mut self, body: &Value) -> Self {
        self.body = Some(body.to_string());
        self
    }

    /// Sends it and gives the stream that the answer comes from.
    pub fn send(&self, address: &str) -> std::io::Result<TcpStream> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut text = format!("{} {} HTTP/1.0\r\n", self.method, self.path);
        let mut usual = vec![("Host", address.to_owned())];
        if let Some(body) = &self.body {
            usual.push(("Content-Type", "application/json".to_owned()));
            usual.push(("Content-Length", body.len().to_string()));
        }
        usual.retain(|(name, _)| !self.headers.iter().any(|(own, _)| own == name));
        for (name, value) in usual.iter().chain(&self.headers) {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        text.push_str(self.body.as_deref().unwrap_or_default());
        stream.write_all(text.as_bytes())?;
        Ok(stream)
    }

    /// The whole answer, or the reason why there is none.
    pub fn try_ask(&self, address: &str) -> std::io::Result<Page> {
        let mut bytes = Vec::new();
        self.send(address)?.read_to_end(&mut bytes)?;
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(bytes.len());
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let body = bytes.get(end + 4..).unwrap_or_default().to_vec();
        let (line, head) = head.split_once("\r\n").unwrap_or((&head, ""));
        let status = line.split_whitespace().nth(1).and_then(|code| code.parse().ok());
        let invalid = || std::io::Error::other(format!("no HTTP response: {line}"));
        Ok(Page { status: status.ok_or_else(invalid)?, head: head.to_ascii_lowercase(), body })
    }

    /// The whole answer of a listener that must be there.
    pub fn ask(&self, address: &str) -> Page {
        self.try_ask(address).expect("an answer")
    }

    /// The answer as a stream of events, which are read as they come.
    pub fn events(&self, address: &str) -> Events {
        let mut reader = BufReader::new(self.send(address).expect("a connection"));
        let mut line = String::new();
        reader.read_line(&mut line).expect("a status line");
        assert!(line.contains(" 200 "), "{line}");
        while line.trim() != "" {
            line.clear();
            reader.read_line(&mut line).expect("a head");
        }
        Events { reader }
    }
}

/// Server-sent events.
#[derive(Debug)]
pub struct Events {
    reader: BufReader<TcpStream>,
}

impl Iterator for Events {
    /// The event's name and its data.
    type Item = (String, Value);

    fn next(&mut self) -> Option<(String, Value)> {
        let (mut name, mut data) = (String::new(), String::new());
        loop {
            let mut line = String::new();
            if self.reader.read_line(&mut line).expect("an event") == 0 {
                return None;
            }
            let line = line.trim_end();
            if let Some(value) = line.strip_prefix("event: ") {
                value.clone_into(&mut name);
            } else if let Some(value) = line.strip_prefix("data: ") {
                data.push_str(value);
            } else if line.is_empty() && !data.is_empty() {
                return Some((name, serde_json::from_str(&data).expect("JSON")));
            }
        }
    }
}

/// Gets a page, or the reason why nobody answers.
pub fn try_get(address: &str, path: &str) -> std::io::Result<Page> {
    Asking::new("GET", path).try_ask(address)
}

/// Gets a page from a listener that must be there.
pub fn get(address: &str, path: &str) -> Page {
    try_get(address, path).expect("a page")
}
