//! Who may use the console: users, sessions, guesses, those who only look, and where it is.

use ottla_console::hash_password;
use ottla_tests::{
    console::{TestConsole, routes},
    http::{Asking, Page, get},
};
use serde_json::{Value, json};

fn users() -> String {
    let hash = |password| hash_password(password).unwrap();
    format!("ada:{};eve:{}:read-only", hash("umbrella"), hash("rain"))
}

fn start() -> TestConsole {
    TestConsole::start(&[("ottla.console.users", &users())])
}

fn log_in(console: &TestConsole, user: &str, password: &str) -> Page {
    console.send("POST", "/session", &json!({"user": user, "password": password}))
}

/// The cookie that an answer sets, as a browser would send it.
fn cookie(page: &Page) -> String {
    let set = page.header("set-cookie").expect("a cookie");
    set.split(';').next().unwrap().to_owned()
}

fn with_cookie<'a>(method: &'a str, path: &'a str, cookie: &str) -> Asking<'a> {
    Asking::new(method, path).header("Cookie", cookie)
}

#[test]
fn nothing_but_the_session_is_told_to_somebody_unknown() {
    let console = start();
    for (method, path) in routes() {
        let page = Asking::new(&method, &path).ask(console.address());
        if path == "/api/v1/session" {
            assert_ne!(page.status, 401, "{method} {path}");
        } else {
            assert_eq!(page.status, 401, "{method} {path}");
            assert_eq!(page.json()["error"]["code"], "LOGIN_REQUIRED");
        }
    }
    assert_eq!(get(console.address(), "/api/v1/openapi.json").status, 401);
    for path in ["/health", "/ready", "/metrics", "/"] {
        assert_eq!(get(console.address(), path).status, 200, "{path}");
    }
    let session = console.get("/session");
    assert_eq!((&session["loginRequired"], &session["user"]), (&json!(true), &Value::Null));
}

#[test]
fn a_session_lasts_from_the_log_in_to_the_log_out() {
    let console = start();
    assert_eq!(log_in(&console, "ada", "rain").status, 401);
    assert_eq!(log_in(&console, "nobody", "umbrella").status, 401);
    let page = log_in(&console, "ada", "umbrella");
    assert_eq!(page.status, 200);
    assert_eq!((&page.json()["user"], &page.json()["readOnly"]), (&json!("ada"), &json!(false)));
    let set = page.header("set-cookie").unwrap();
    for part in ["path=/;", "httponly", "samesite=strict", "max-age=43200"] {
        assert!(set.contains(part), "{set}");
    }
    assert!(!set.contains("secure"), "{set}");
    let cookie = cookie(&page);
    assert_eq!(cookie.len(), "ottla_session=".len() + 64);
    let ask = |path| with_cookie("GET", path, &cookie).ask(console.address());
    assert_eq!(ask("/api/v1/session").json()["user"], "ada");
    assert_eq!(ask("/api/v1/topics").status, 200);
    let other = "0".repeat(64);
    let wrong = with_cookie("GET", "/api/v1/topics", &format!("ottla_session={other}"));
    assert_eq!(wrong.ask(console.address()).status, 401);
    let out = with_cookie("DELETE", "/api/v1/session", &cookie).ask(console.address());
    assert_eq!(out.status, 204);
    assert!(out.header("set-cookie").unwrap().contains("max-age=0"));
    assert_eq!(ask("/api/v1/topics").status, 401);
}

#[test]
fn a_browser_behind_tls_keeps_the_cookie_for_tls() {
    let console = start();
    let body = json!({"user": "ada", "password": "umbrella"});
    let of = |header, value: &str| {
        let asking = Asking::new("POST", "/api/v1/session").body(&body);
        asking.header(header, value).ask(console.address())
    };
    let behind_proxy = of("X-Forwarded-Proto", "https");
    assert!(behind_proxy.header("set-cookie").unwrap().ends_with("; secure"));
    let browser = of("Origin", &format!("https://{}", console.address()));
    assert!(browser.header("set-cookie").unwrap().ends_with("; secure"));
    assert_eq!(of("Origin", "https://evil.example").status, 403);
}

#[test]
fn a_script_names_its_user_with_each_request() {
    let console = start();
    let ask = |method, path, credentials: &str| {
        let asking = Asking::new(method, path).header("Authorization", credentials);
        asking.ask(console.address()).status
    };
    // ada:umbrella, ada:rain, eve:rain
    assert_eq!(ask("GET", "/api/v1/topics", "Basic YWRhOnVtYnJlbGxh"), 200);
    assert_eq!(ask("GET", "/api/v1/topics", "Basic YWRhOnJhaW4="), 401);
    assert_eq!(ask("GET", "/api/v1/topics", "Bearer YWRhOnVtYnJlbGxh"), 401);
    assert_eq!(ask("GET", "/api/v1/topics", "Basic ZXZlOnJhaW4="), 200);
    assert_eq!(ask("DELETE", "/api/v1/topics/London", "Basic ZXZlOnJhaW4="), 403);
}

#[test]
fn who_guesses_has_to_wait() {
    let console = start();
    for _ in 0..5 {
        assert_eq!(log_in(&console, "ada", "wrong").status, 401);
    }
    let late = log_in(&console, "ada", "umbrella");
    assert_eq!(late.status, 429);
    assert_eq!(late.json()["error"]["code"], "TOO_MANY_ATTEMPTS");
}

/// Every route that is no look refuses with the same words; a look is answered.
fn refuses_changes(console: &TestConsole, cookie: &str) {
    for (method, path) in routes() {
        if method == "GET" || path == "/api/v1/session" {
            continue;
        }
        let body = json!({});
        let page = with_cookie(&method, &path, cookie).body(&body).ask(console.address());
        assert_eq!(
            (page.status, &page.json()["error"]["code"]),
            (403, &json!("READ_ONLY")),
            "{path}"
        );
    }
    let look = with_cookie("GET", "/api/v1/topics", cookie).ask(console.address());
    assert_eq!(look.status, 200);
    let session = with_cookie("GET", "/api/v1/session", cookie).ask(console.address());
    assert_eq!(session.json()["readOnly"], true);
}

#[test]
fn every_change_is_refused_to_a_user_who_may_only_look() {
    let console = start();
    let page = log_in(&console, "eve", "rain");
    assert_eq!(page.json()["readOnly"], true);
    refuses_changes(&console, &cookie(&page));
}

#[test]
fn every_change_is_refused_where_the_console_is_read_only() {
    let console = TestConsole::start(&[("ottla.console.read.only", "true")]);
    refuses_changes(&console, "");
}

#[test]
fn under_a_base_path_everything_is_below_it() {
    let users = users();
    let settings = [("ottla.console.base.path", "/kafka/"), ("ottla.console.users", &users)];
    let console = TestConsole::start(&settings);
    let ask = |path| get(console.address(), path);
    assert_eq!(ask("/kafka/api/v1/session").json()["basePath"], "/kafka");
    assert_eq!(ask("/kafka/api/v1/topics").status, 401);
    for path in ["/kafka", "/kafka/", "/kafka/topics/London"] {
        assert_eq!(ask(path).status, 200, "{path}");
    }
    for path in ["/", "/api/v1/session", "/kafkas/", "/topics"] {
        let page = ask(path);
        assert_eq!(page.status, 404, "{path}");
        assert!(page.text().contains("href=\"/kafka/\""), "{}", page.text());
    }
    assert_eq!(ask("/ready").status, 200);
    let body = json!({"user": "ada", "password": "umbrella"});
    let page = Asking::new("POST", "/kafka/api/v1/session").body(&body).ask(console.address());
    assert!(page.header("set-cookie").unwrap().contains("path=/kafka/;"));
    let topics = with_cookie("GET", "/kafka/api/v1/topics", &cookie(&page)).ask(console.address());
    assert_eq!(topics.status, 200);
}
