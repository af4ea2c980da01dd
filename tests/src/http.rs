//! An HTTP request by hand, for tests of the console's listener.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use crate::in_process::PATIENCE;

/// What a page is.
#[derive(Clone, Debug)]
pub struct Page {
    /// Such as 200.
    pub status: u16,
    /// The head, less the status line.
    pub head: String,
    /// What follows the head.
    pub body: String,
}

/// Gets a page, or the reason why nobody answers.
pub fn try_get(address: &str, path: &str) -> std::io::Result<Page> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let (line, head) = head.split_once("\r\n").unwrap_or((head, ""));
    let status = line.split_whitespace().nth(1).and_then(|code| code.parse().ok());
    let invalid = || std::io::Error::other(format!("no HTTP response: {text}"));
    Ok(Page {
        status: status.ok_or_else(invalid)?,
        head: head.to_ascii_lowercase(),
        body: body.to_owned(),
    })
}

/// Gets a page from a listener that must be there.
pub fn get(address: &str, path: &str) -> Page {
    try_get(address, path).expect("a page")
}
