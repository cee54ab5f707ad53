//! The page over real sockets: what a browser gets, and what it does not.

use std::net::SocketAddr;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use facefleet_master::Config;
use facefleet_proto::wire;
use facefleet_service::http::proof::proof;
use facefleet_service::http::serve;
use facefleet_service::metrics::gauge;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::support::{Master, join};

const TOKEN: &str = "correct-horse-battery";

/// A master with a page, and where that is.
async fn start(admin_token: Option<&str>) -> (Master, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let page = listener.local_addr().unwrap();
    let admin_token = admin_token.map(|token| token.parse().unwrap());
    (Master::start(Config { http: Some(listener), admin_token, ..Config::default() }).await, page)
}

/// An answer of the page.
struct HttpAnswer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl HttpAnswer {
    fn json(&self) -> Value {
        assert!(self.head.contains("\r\ncontent-type: application/json"), "{}", self.head);
        serde_json::from_slice(&self.body).unwrap()
    }

    fn text(&self) -> &str {
        str::from_utf8(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// One request on a connection of its own; `more` are header lines, each with its end, then an empty one and the body.
async fn ask(page: SocketAddr, method: &str, path: &str, more: &str) -> HttpAnswer {
    let mut tcp = TcpStream::connect(page).await.unwrap();
    let end = if more.contains("\r\n\r\n") { "" } else { "\r\n" };
    let request = format!("{method} {path} HTTP/1.1\r\nHost: {page}\r\nConnection: close\r\n{more}{end}");
    tcp.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    tcp.read_to_end(&mut answer).await.unwrap();
    let end = answer.windows(4).position(|end| end == b"\r\n\r\n").expect("a header has an end");
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    HttpAnswer { status: head[9..12].parse().unwrap(), head, body: answer[end + 4..].to_vec() }
}

async fn fetch(page: SocketAddr, path: &str) -> HttpAnswer {
    ask(page, "GET", path, "").await
}

async fn change(page: SocketAddr, token: Option<&str>, kind: &str, body: &str) -> HttpAnswer {
    let token = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    let length = body.len();
    let more = format!("{token}Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}");
    ask(page, "POST", "/api/admin", &more).await
}

#[tokio::test]
async fn the_page_is_there_and_a_browser_asks_whether_it_is_the_same() {
    let (_master, page) = start(None).await;
    for (path, kind, said) in [
        ("/", "text/html; charset=utf-8", "<!doctype html>"),
        ("/index.html", "text/html; charset=utf-8", "<!doctype html>"),
        ("/main.js", "text/javascript; charset=utf-8", "import"),
        ("/style.css", "text/css; charset=utf-8", "{"),
        ("/favicon.svg", "image/svg+xml", "<svg"),
    ] {
        let answer = fetch(page, path).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(kind)), "{path}");
        assert!(answer.text().to_lowercase().contains(said), "{path}");
        assert_eq!(answer.header("cache-control"), Some("no-cache"));
        let tag = answer.header("etag").unwrap();
        let again = ask(page, "GET", path, &format!("If-None-Match: \"x\", W/{tag}\r\n")).await;
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
    }
}

#[tokio::test]
async fn nothing_else_is_there() {
    let (_master, page) = start(None).await;
    for path in
        ["/index", "//", "/../Cargo.toml", "/%2e%2e/Cargo.toml", "/page/index.html", "/api", "/api/", "/live", "/live/"]
    {
        assert_eq!(fetch(page, path).await.status, 404, "{path}");
    }
    assert_eq!(ask(page, "POST", "/", "Content-Length: 0\r\n").await.status, 405);
    assert_eq!(ask(page, "GET", "/api/admin", "").await.status, 405);
    assert_eq!(fetch(page, "/healthz").await.text(), "up\n");
    assert_eq!(fetch(page, "/readyz").await.text(), "ready\n");
    assert_eq!(fetch(page, "/metrics").await.status, 200);
}

#[tokio::test]
async fn it_says_who_it_is_and_whether_it_takes_changes() {
    for token in [None, Some(TOKEN)] {
        let (_master, page) = start(token).await;
        let about = fetch(page, "/api/about").await.json();
        assert!(about["name"].as_str().unwrap().starts_with("facefleet-master on "), "{about}");
        assert_eq!((&about["version"], &about["admin"]), (&json!(env!("CARGO_PKG_VERSION")), &json!(token.is_some())));
    }
}

#[tokio::test]
async fn changes_are_made_by_who_has_the_token() {
    let (master, page) = start(Some(TOKEN)).await;
    let policy = r#"{"policy":"weighted-round-robin"}"#;
    let missing = change(page, None, "application/json", policy).await;
    assert_eq!((missing.status, missing.json()["error"].is_string()), (401, true));
    assert_eq!(change(page, Some("wrong-horse-battery"), "application/json", policy).await.status, 401);
    assert_eq!(change(page, Some(TOKEN), "text/plain", policy).await.status, 415);
    for bad in ["", "{}", "[]", r#""policy""#, r#"{"policy":7}"#, r#"{"poetry":"x"}"#, r#"{"policy":"a","rest":"b"}"#] {
        let answer = change(page, Some(TOKEN), "application/json", bad).await;
        assert_eq!((answer.status, answer.json()["error"].is_string()), (400, true), "{bad}");
    }
    let unknown = change(page, Some(TOKEN), "application/json", r#"{"policy":"<b>best</b>"}"#).await;
    assert_eq!(unknown.status, 400);
    assert!(unknown.json()["error"].as_str().unwrap().contains("least-loaded"), "{}", unknown.text());
    assert_eq!(change(page, Some(TOKEN), "application/json", &" ".repeat(5000)).await.status, 413);
    let list = || async {
        let request = wire::ListNodesRequest { without_nodes: true };
        master.client().await.list_nodes(request).await.unwrap().into_inner().policy
    };
    assert_eq!(list().await, "least-loaded");

    let done = change(page, Some(TOKEN), "application/json; charset=utf-8", policy).await;
    assert_eq!(done.status, 200, "{}", done.text());
    assert!(done.json()["said"].as_str().unwrap().contains("weighted-round-robin"), "{}", done.text());
    assert_eq!(list().await, "weighted-round-robin");
}

#[tokio::test]
async fn who_tries_tokens_is_slowed_down_and_without_one_nobody_changes_anything() {
    let (_master, page) = start(Some(TOKEN)).await;
    for _ in 0..5 {
        assert_eq!(change(page, Some("x"), "application/json", "{}").await.status, 401);
    }
    let late = change(page, Some(TOKEN), "application/json", "{}").await;
    assert_eq!(late.status, 429);
    assert!((1..=10).contains(&late.header("retry-after").unwrap().parse::<u32>().unwrap()), "{}", late.head);

    let (_master, page) = start(None).await;
    let refused = change(page, Some(TOKEN), "application/json", r#"{"rest":"pi"}"#).await;
    assert_eq!(refused.status, 403);
    assert!(refused.json()["error"].as_str().unwrap().contains("--admin-token"), "{}", refused.text());
}

#[tokio::test]
async fn a_name_that_leads_here_from_elsewhere_gets_nothing() {
    let (_master, page) = start(Some(TOKEN)).await;
    for path in ["/", "/api/about", "/live/pi"] {
        let mut tcp = TcpStream::connect(page).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n");
        tcp.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        tcp.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 421 "), "{answer}");
    }
}

const STREAM: &str = "00ab000000000001";
const LIVE_TOKEN: &str = "live-token-of-012345";

/// What a worker with the token `LIVE_TOKEN` shows, on a port of its own. It tells who asks in a header that the master does not
/// pass on.
async fn worker_page() -> (u16, DropGuard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let of = |kind: &'static str, body: &'static str| get(move || async move { ([(CONTENT_TYPE, kind)], body) });
    let picture = move |headers: HeaderMap, uri: axum::http::Uri| async move {
        let said = |name| headers.get(name).map(|value: &axum::http::HeaderValue| value.to_str().unwrap().to_owned());
        assert!(!format!("{headers:?} {uri}").contains(LIVE_TOKEN), "a worker is sent the token: {headers:?}");
        let path = uri.path_and_query().unwrap().as_str();
        if said("x-facefleet-proof") != Some(proof(LIVE_TOKEN, address, path, "once")) {
            let how = [("content-type", "text/plain"), ("x-facefleet-nonce", "once"), ("www-authenticate", "Bearer")];
            return Err((StatusCode::UNAUTHORIZED, how, "show the live token"));
        }
        let told = format!("{:?} {:?} {:?}", said("forwarded"), said("cookie"), uri.query());
        Ok(([("content-type", "image/jpeg"), ("x-picture", "7"), ("set-cookie", "a=b")], told))
    };
    let site = Router::new()
        .route("/live", of("application/json", r#"{"streams":[]}"#))
        .route(&format!("/live/{STREAM}/picture.jpg"), get(picture))
        .route("/live/00000000000000aa/picture.jpg", get(|| async { StatusCode::NO_CONTENT }))
        .route("/live/00000000000000bb/picture.jpg", of("text/html", "<script>"))
        .route(
            "/live/00000000000000cc/picture.jpg",
            get(|| async { (StatusCode::FOUND, [("location", "http://10.0.0.1/")]) }),
        )
        .route(
            "/live/00000000000000dd/picture.jpg",
            get(|| async { ([(CONTENT_TYPE, "image/jpeg")], vec![0; (512 << 10) + 1]) }),
        );
    let stop = CancellationToken::new();
    tokio::spawn(serve(listener, site, gauge("open", "Open."), stop.clone()));
    (address.port(), stop.drop_guard())
}

#[tokio::test]
async fn pictures_are_the_workers_and_nothing_but_pictures() {
    let (master, page) = start(None).await;
    let (port, _worker) = worker_page().await;
    let at_home = wire::JoinRequest { ip: "127.0.0.1".into(), ..join("pi <1>/a", 1, 7) };
    let mut client = master.client().await;
    client.join(wire::JoinRequest { http_port: port.into(), ..at_home }).await.unwrap();
    client.join(join("dark", 1, 8)).await.unwrap();

    let path = |stream: &str| format!("/live/pi%20%3C1%3E%2Fa/{stream}/picture.jpg?after=3");
    assert_eq!(fetch(page, "/live/pi%20%3C1%3E%2Fa").await.json(), json!({"streams": []}));
    let refused = fetch(page, &path(STREAM)).await;
    assert_eq!((refused.status, refused.text()), (401, "show the live token"));
    assert_eq!((refused.header("x-facefleet-nonce"), refused.header("www-authenticate")), (None, None));
    let wrong = ask(page, "GET", &path(STREAM), "Authorization: Bearer live-token-of-0123456\r\n").await;
    assert_eq!(wrong.status, 401);
    let token = &format!("Authorization: Bearer {LIVE_TOKEN}\r\nCookie: secret\r\n");
    let picture = ask(page, "GET", &path(STREAM), token).await;
    let seen =
        (picture.status, picture.header("content-type"), picture.header("x-picture"), picture.header("set-cookie"));
    assert_eq!(seen, (200, Some("image/jpeg"), Some("7"), None));
    assert_eq!(picture.text(), r#"Some("for=127.0.0.1") None Some("after=3")"#);
    let through_a_proxy = ask(page, "GET", &path(STREAM), &format!("{token}X-Forwarded-For: 203.0.113.9\r\n")).await;
    assert!(through_a_proxy.text().contains("for=203.0.113.9, for=127.0.0.1"), "{}", through_a_proxy.text());

    assert_eq!(fetch(page, &path("00000000000000aa")).await.status, 204);
    for other in ["00000000000000bb", "00000000000000cc", "00000000000000dd"] {
        assert_eq!(fetch(page, &path(other)).await.status, 502, "{other}");
    }
    for nowhere in [
        "/live/dark".to_owned(),
        "/live/nobody".to_owned(),
        "/live/..".to_owned(),
        "/live/%ff".to_owned(),
        format!("/live/127.0.0.1:{port}"),
        path("00AB000000000001"),
        path("00ab0000000000010"),
        path("..%2f..%2flive"),
        path("%00"),
        path(STREAM).replace("=3", "=x"),
        path(STREAM).replace("=3", "=3&token=x"),
    ] {
        assert_eq!(fetch(page, &nowhere).await.status, 404, "{nowhere}");
    }
}

#[tokio::test]
async fn a_worker_that_is_not_there_is_a_bad_gateway() {
    let (master, page) = start(None).await;
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let at_home = wire::JoinRequest { ip: "127.0.0.1".into(), ..join("pi", 1, 7) };
    master.client().await.join(wire::JoinRequest { http_port: gone.into(), ..at_home }).await.unwrap();
    let answer = fetch(page, "/live/pi").await;
    assert_eq!((answer.status, answer.text()), (502, "the worker cannot be reached for its pictures\n"));
}

/// Asks for a worker's streams, and waits for nothing.
async fn fetch_and_go(page: SocketAddr) -> TcpStream {
    let mut browser = TcpStream::connect(page).await.unwrap();
    browser.write_all(format!("GET /live/pi HTTP/1.1\r\nHost: {page}\r\n\r\n").as_bytes()).await.unwrap();
    browser
}

/// Each waits for a worker that takes connections and says nothing.
#[tokio::test]
async fn many_wait_for_pictures_at_once_and_one_too_many_is_told_so() {
    let (master, page) = start(None).await;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let at_home = wire::JoinRequest { ip: "127.0.0.1".into(), ..join("pi", 1, 7) };
    master.client().await.join(wire::JoinRequest { http_port: port.into(), ..at_home }).await.unwrap();
    let mut waiting = Vec::new();
    for _ in 0..256 {
        // It has its place once the worker hears of it.
        waiting.push((fetch_and_go(page).await, silent.accept().await.unwrap()));
    }
    let answer = fetch(page, "/live/pi").await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("2")));
    let (mut browser, worker) = waiting.pop().unwrap();
    drop(worker);
    let mut answer = [0; 12];
    browser.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 502");
    let (_, asked) = tokio::join!(fetch_and_go(page), silent.accept());
    asked.unwrap();
}

#[tokio::test]
async fn a_master_that_stops_ends_its_page() {
    let (master, page) = start(None).await;
    fetch(page, "/").await;
    master.stop().await.unwrap();
    assert!(TcpStream::connect(page).await.is_err());
}

/// The next view of an open stream of events.
async fn next_view(events: &mut TcpStream, left: &mut Vec<u8>) -> Value {
    loop {
        let text = str::from_utf8(left).unwrap_or_default();
        if let Some((event, rest)) = text.split_once("\n\n") {
            let view = event.split_once("event: view\ndata: ").map(|(_, data)| serde_json::from_str(data).unwrap());
            *left = rest.as_bytes().to_vec();
            match view {
                Some(view) => return view,
                None => continue,
            }
        }
        assert_ne!(events.read_buf(left).await.unwrap(), 0, "the events ended");
    }
}

#[tokio::test]
async fn the_cluster_is_told_once_a_second_and_names_are_text() {
    let (master, page) = start(None).await;
    let mut client = master.client().await;
    client.join(join("pi", 1, 7)).await.unwrap();
    let name = "<img src=x onerror=\"alert(1)\">\u{2028}'\\";
    let report = wire::StreamReport { lease_id: 0xab, stream_id: name.into(), sent: 3, open: 3, ..Default::default() };
    client.report_stream(report).await.unwrap();

    let mut events = TcpStream::connect(page).await.unwrap();
    // HTTP/1.0, so that the events come without the sizes of their pieces in between.
    events.write_all(format!("GET /api/events HTTP/1.0\r\nHost: {page}\r\n\r\n").as_bytes()).await.unwrap();
    let mut left = Vec::new();
    while !left.windows(4).any(|end| end == b"\r\n\r\n") {
        assert_ne!(events.read_buf(&mut left).await.unwrap(), 0);
    }
    let head = String::from_utf8_lossy(&left).into_owned();
    for header in
        ["content-type: text/event-stream\r\n", "cache-control: no-store\r\n", "x-content-type-options: nosniff\r\n"]
    {
        assert!(head.contains(header), "no {header} in {head}");
    }
    let first = next_view(&mut events, &mut left).await;
    assert_eq!((&first["workers"][0]["name"], &first["streams"][0]["id"]), (&json!("pi"), &json!("00000000000000ab")));
    assert_eq!(first["streams"][0]["name"], json!(name), "it comes back as it was");
    let second = next_view(&mut events, &mut left).await;
    assert!(second["uptime_ms"].as_u64() > first["uptime_ms"].as_u64(), "{second}");

    master.stop().await.unwrap();
    events.read_to_end(&mut left).await.unwrap();
}

#[tokio::test]
async fn ten_minutes_are_told() {
    let (_master, page) = start(None).await;
    let history = fetch(page, "/api/history").await.json();
    assert_eq!((&history["step_ms"], history["p95_ms"].as_array().map(Vec::len)), (&json!(5000), Some(120)));
}
