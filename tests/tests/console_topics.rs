//! Topics in the console: created, listed, changed and deleted.

use ottla_tests::{console::TestConsole, http::Asking};
use serde_json::json;

#[test]
fn a_topic_is_created_listed_changed_and_deleted() {
    let console = TestConsole::start(&[]);
    let body = json!({"name": "London", "partitions": 3, "configs": {"retention.ms": "60000"}});
    let made = console.send("POST", "/topics", &body);
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(made.json()["partitions"], 3);
    assert_eq!(made.json()["replicationFactor"], 1);

    let again = console.send("POST", "/topics", &body);
    assert_eq!(again.status, 409);
    assert_eq!(again.json()["error"]["code"], "TOPIC_ALREADY_EXISTS");

    let list = console.get("/topics?q=lond");
    assert_eq!(list["total"], 1);
    assert_eq!(list["items"][0]["name"], "London");
    assert_eq!(list["items"][0]["retentionMs"], "60000");
    assert_eq!(list["items"][0]["records"], "0");

    let change = json!({"set": {"cleanup.policy": "compact"}, "unset": ["retention.ms"]});
    let changed = console.send("PATCH", "/topics/London/config", &change);
    assert_eq!(changed.status, 200, "{}", changed.text());
    let entries = changed.json()["entries"].as_array().unwrap().clone();
    let of = |name: &str| entries.iter().find(|it| it["name"] == name).unwrap().clone();
    assert_eq!(of("cleanup.policy")["value"], "compact");
    assert_eq!(of("cleanup.policy")["source"], "DYNAMIC_TOPIC_CONFIG");
    assert_eq!(of("retention.ms")["isSet"], false);

    let more = console.send("POST", "/topics/London/partitions", &json!({"count": 5}));
    assert_eq!(more.status, 204, "{}", more.text());
    let topic = console.get("/topics/London");
    assert_eq!(topic["partitions"], 5);
    assert_eq!(topic["partitionList"][4]["cursors"]["logEndOffset"], "0");
    assert_eq!(topic["cleanupPolicy"], "compact");

    assert_eq!(console.ask("DELETE", "/topics/London").status, 204);
    let gone = console.ask("GET", "/topics/London");
    assert_eq!(gone.status, 404);
    assert_eq!(gone.json()["error"]["code"], "UNKNOWN_TOPIC_OR_PARTITION");
    assert_eq!(console.ask("DELETE", "/topics/London").status, 404);
}

#[test]
fn a_list_is_sorted_and_paged_and_says_how_long_it_is() {
    let console = TestConsole::start(&[]);
    for (name, partitions) in [("a", 2), ("b", 3), ("c", 1)] {
        console.post("/topics", &json!({"name": name, "partitions": partitions}));
    }
    let page = console.get("/topics?sort=-partitions&size=2");
    let names = |page: &serde_json::Value| {
        let items = page["items"].as_array().unwrap().clone();
        items.iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&page), ["b", "a"]);
    assert_eq!(page["total"], 3);
    let next = console.get("/topics?sort=-partitions&size=2&page=1");
    assert_eq!(names(&next), ["c"]);
    let unknown = console.ask("GET", "/topics?sort=colour");
    assert_eq!(
        (unknown.status, unknown.json()["error"]["code"].clone()),
        (400, json!("BAD_REQUEST"))
    );
}

#[test]
fn nothing_is_changed_by_another_site_or_in_another_language() {
    let console = TestConsole::start(&[]);
    let body = json!({"name": "London"});
    let make = |asking: Asking<'_>| asking.body(&body).ask(console.address());
    let asking = || Asking::new("POST", "/api/v1/topics");
    let code = |page: &ottla_tests::http::Page| page.json()["error"]["code"].clone();

    let other = make(asking().header("Origin", "http://evil.example"));
    assert_eq!((other.status, code(&other)), (403, json!("FORBIDDEN_ORIGIN")));
    let opaque = make(asking().header("Origin", "null"));
    assert_eq!(opaque.status, 403);
    let renamed = make(asking().header("Host", "evil.example"));
    assert_eq!((renamed.status, code(&renamed)), (403, json!("FORBIDDEN_HOST")));
    let form = make(asking().header("Content-Type", "text/plain"));
    assert_eq!((form.status, code(&form)), (415, json!("NOT_JSON")));
    assert_eq!(console.get("/topics")["total"], 0);

    let own = format!("http://{}", console.address());
    assert_eq!(make(asking().header("Origin", &own)).status, 201);
}

#[test]
fn a_console_that_is_read_only_refuses_every_change() {
    let console = TestConsole::start(&[("ottla.console.read.only", "true")]);
    assert_eq!(console.get("/session")["readOnly"], true);
    let refused = console.send("POST", "/topics", &json!({"name": "London"}));
    assert_eq!(
        (refused.status, refused.json()["error"]["code"].clone()),
        (403, json!("READ_ONLY"))
    );
    assert_eq!(console.ask("DELETE", "/topics/London").status, 403);
}

#[test]
fn answers_carry_the_headers_that_keep_a_browser_safe() {
    let console = TestConsole::start(&[]);
    for path in ["/", "/api/v1/session", "/api/v1/nothing"] {
        let page = ottla_tests::http::get(console.address(), path);
        let policy = page.header("content-security-policy").unwrap_or_default();
        assert!(policy.starts_with("default-src 'self'"), "{path}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"), "{path}");
    }
    let unknown = console.ask("GET", "/nothing");
    assert_eq!(
        (unknown.status, unknown.json()["error"]["code"].clone()),
        (404, json!("UNKNOWN_ROUTE"))
    );
}

#[test]
fn the_overview_counts_what_there_is() {
    let console = TestConsole::start(&[]);
    console.post("/topics", &json!({"name": "London", "partitions": 3}));
    let overview = console.get("/overview");
    assert_eq!(overview["counts"]["topics"], 1);
    assert_eq!(overview["counts"]["partitions"], 3);
    assert_eq!(overview["brokerId"], 1);
    assert_eq!(overview["listeners"][0]["protocol"], "PLAINTEXT");
    assert_eq!(overview["logDirs"][0]["isOnline"], true);
    assert_eq!(overview["notReady"], serde_json::Value::Null);
}
