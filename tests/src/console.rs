//! A broker with its console, asked over HTTP.

use std::{ops::Deref, sync::mpsc};

use ottla_console::{Cluster, Settings};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::{
    http::{Asking, Events, Page},
    in_process::TestBroker,
};

/// A broker with its console.
#[derive(Debug)]
pub struct TestConsole {
    /// The broker.
    pub broker: TestBroker,
    own: ConsoleAt,
}

impl TestConsole {
    /// A broker with an empty directory and these keys on top of the usual ones.
    pub fn start(settings: &[(&str, &str)]) -> Self {
        let broker = TestBroker::start_with_console(settings);
        let address = broker.broker().console().expect("an HTTP listener").to_owned();
        Self { broker, own: ConsoleAt { address } }
    }

    /// Stops the broker in order and starts it on what it left.
    pub fn restart(&mut self) {
        self.broker.restart();
        let address = self.broker.broker().console().expect("an HTTP listener");
        self.own.address = address.to_owned();
    }
}

impl Deref for TestConsole {
    type Target = ConsoleAt;

    fn deref(&self) -> &ConsoleAt {
        &self.own
    }
}

/// A console that is somewhere.
#[derive(Debug)]
pub struct ConsoleAt {
    address: String,
}

impl ConsoleAt {
    /// A console of clusters that a client reaches. Its thread ends with the process.
    pub fn of(clusters: &[(&str, &str)], settings: Settings) -> Self {
        let clusters = clusters.iter().map(|&(name, bootstrap)| Cluster {
            name: name.to_owned(),
            bootstrap: bootstrap.to_owned(),
            is_read_only: false,
        });
        let app = ottla_console::app_of(clusters.collect(), &settings);
        let (sender, receiver) = mpsc::channel();
        let run = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
                sender.send(listener.local_addr().expect("an address")).expect("a test");
                let served = ottla_console::serve(listener, app, std::future::pending::<()>());
                served.await.expect("a listener");
            });
        };
        std::thread::Builder::new().name("console".into()).spawn(run).expect("a thread");
        Self { address: receiver.recv().expect("an address").to_string() }
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

/// Every route of the API's document, with names put into its path: method and path.
pub fn routes() -> Vec<(String, String)> {
    let document: Value = serde_json::from_str(&ottla_console::openapi()).expect("JSON");
    let mut routes = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("an object") {
        let names = ["{partition}", "{offset}", "{broker}", "{id}"];
        let path = names.iter().fold(path.clone(), |path, name| path.replace(name, "0"));
        let path = path.replace("{topic}", "London").replace("{group}", "readers");
        for method in methods.as_object().expect("an object").keys() {
            let is_method = ["get", "post", "put", "patch", "delete"].contains(&method.as_str());
            if is_method {
                routes.push((method.to_uppercase(), path.clone()));
            }
        }
    }
    assert!(routes.len() > 30, "{}", routes.len());
    routes
}
