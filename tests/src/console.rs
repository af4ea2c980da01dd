//! A broker with its console, asked over HTTP.

use serde_json::Value;

use crate::{
    http::{Asking, Events, Page},
    in_process::TestBroker,
};

/// A broker with its console.
#[derive(Debug)]
pub struct TestConsole {
    /// The broker.
    pub broker: TestBroker,
    address: String,
}

impl TestConsole {
    /// A broker with an empty directory and these keys on top of the usual ones.
    pub fn start(settings: &[(&str, &str)]) -> Self {
        let broker = TestBroker::start_with_console(settings);
        let address = broker.broker().console().expect("an HTTP listener").to_owned();
        Self { broker, address }
    }

    /// Where the console is.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The answer to a request without a body.
    pub fn ask(&self, method: &str, path: &str) -> Page {
        Asking::new(method, &format!("/api/v1{path}")).ask(&self.address)
    }

    /// The answer to a request with a body.
    pub fn send(&self, method: &str, path: &str, body: &Value) -> Page {
        Asking::new(method, &format!("/api/v1{path}")).body(body).ask(&self.address)
    }

    /// What is there, which must be.
    pub fn get(&self, path: &str) -> Value {
        let page = self.ask("GET", path);
        assert_eq!(page.status, 200, "{path}: {}", page.text());
        page.json()
    }

    /// What a change that succeeds answers.
    pub fn post(&self, path: &str, body: &Value) -> Value {
        let page = self.send("POST", path, body);
        assert!(matches!(page.status, 200 | 201), "{path}: {} {}", page.status, page.text());
        page.json()
    }

    /// A stream of events.
    pub fn events(&self, path: &str) -> Events {
        Asking::new("GET", &format!("/api/v1{path}")).events(&self.address)
    }
}
