use super::*;
use axum::body::Bytes;
use axum::http::header::CACHE_CONTROL;
use axum::routing::get;
use futures_util::stream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinHandle;
use tokio_util::sync::DropGuard;

use crate::http::{Probes, site};

/// Limits that are so long that no test reaches them.
const PATIENT: Limits = Limits { connections: 4, header: Duration::from_secs(600), progress: Duration::from_secs(600) };

struct Server {
    address: SocketAddr,
    ended: JoinHandle<()>,
    stop: DropGuard,
}

impl Server {
    async fn start(limits: Limits) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let endless =
            || async { Body::from_stream(stream::repeat(Ok::<_, Infallible>(Bytes::from(vec![b'x'; 4096])))) };
        let pages = Router::new()
            .route("/", get(|| async { "page" }))
            .route("/kept", get(|| async { ([(CACHE_CONTROL, "max-age=9")], "") }))
            .route("/who", get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.to_string() }))
            .route("/endless", get(endless))
            .route("/never", get(std::future::pending::<String>));
        let ready = Box::new(|| Err("the cluster is not known yet"));
        let metrics = Metrics::new("1");
        let open = connections(&metrics);
        let pages = site(pages, Probes { ready, metrics: Box::new(move || metrics.text()) });
        let stop = CancellationToken::new();
        let ended = tokio::spawn(serve_within(limits, listener, pages, open, stop.clone()));
        Server { address, ended, stop: stop.drop_guard() }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends a request on a connection of its own, and reads everything that comes back.
    async fn ask(&self, request: impl AsRef<[u8]>) -> String {
        let mut tcp = self.connect().await;
        // The write fails when the server has closed before it has read everything, and its answer may be there all the same.
        let _ = tcp.write_all(request.as_ref()).await;
        let mut answer = Vec::new();
        let _ = tcp.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    }

    async fn get(&self, path: &str) -> String {
        self.ask(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")).await
    }

    /// Waits until a place is free, far longer than that ever takes.
    async fn has_room(&self) {
        let free = async { while !self.get("/").await.starts_with("HTTP/1.1 200 ") {} };
        tokio::time::timeout(Duration::from_secs(60), free).await.expect("a place becomes free");
    }
}

/// A connection that has a place, because it was answered.
async fn placed(server: &Server) -> TcpStream {
    let mut tcp = server.connect().await;
    tcp.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\npage") {
        assert_ne!(tcp.read_buf(&mut answer).await.unwrap(), 0, "closed after {}", String::from_utf8_lossy(&answer));
    }
    tcp
}

#[tokio::test]
async fn every_answer_has_the_headers_that_bind_a_browser() {
    let server = Server::start(PATIENT).await;
    for path in ["/", "/healthz", "/missing"] {
        let answer = server.get(path).await;
        for header in [
            "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:;",
            "frame-ancestors 'none'\r\n",
            "x-content-type-options: nosniff\r\n",
            "referrer-policy: no-referrer\r\n",
            "x-frame-options: DENY\r\n",
            "cross-origin-resource-policy: same-origin\r\n",
            "cache-control: no-store\r\n",
        ] {
            assert!(answer.contains(header), "no {header} in {answer}");
        }
        assert!(!answer.contains("access-control"), "{answer}");
    }
    assert!(server.get("/kept").await.contains("cache-control: max-age=9\r\n"));
}

#[tokio::test]
async fn operators_are_answered_under_any_name() {
    let server = Server::start(PATIENT).await;
    for (path, status, said) in [
        ("/healthz", "200 OK", "\r\n\r\nup\n"),
        ("/readyz", "503 Service Unavailable", "\r\n\r\nthe cluster is not known yet\n"),
        ("/metrics", "200 OK", "\nfacefleet_http_connections 1\n"),
    ] {
        let answer =
            server.ask(format!("GET {path} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")) && answer.contains(said), "{answer}");
    }
    assert!(server.get("/metrics").await.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"));
}

#[tokio::test]
async fn a_name_that_may_be_anothers_is_not_served() {
    let server = Server::start(PATIENT).await;
    for hosts in ["Host: evil.example\r\n", "Host: localhost\r\nHost: evil.example\r\n", ""] {
        for path in ["/", "/missing"] {
            let answer = server.ask(format!("GET {path} HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n")).await;
            assert!(answer.starts_with("HTTP/1.1 421 ") && answer.contains("IP address"), "{hosts}{answer}");
        }
    }
    let who = server.ask("GET /who HTTP/1.1\r\nHost: 127.0.0.1:1\r\nConnection: close\r\n\r\n").await;
    assert!(who.contains("\r\n\r\n127.0.0.1:"), "{who}");
}

#[tokio::test]
async fn path_tricks_lead_nowhere() {
    let server = Server::start(PATIENT).await;
    for path in [
        "//",
        "/.",
        "/..",
        "/../",
        "/../../etc/passwd",
        "/%2e%2e/etc/passwd",
        "/..%2f..%2fetc/passwd",
        "/%00",
        "/who%00",
        "/who/",
        "/./who",
        "//who",
        "/WHO",
        "/who;x",
        "/%ff",
        "/who%2f",
        "/kept/../who",
    ] {
        let answer = server.get(path).await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{path}: {answer}");
    }
    let answer = server.get("/wh\0o").await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    for huge in [format!("/{}", "x".repeat(20_000)), format!("/ HTTP/1.1\r\nX: {}", "x".repeat(20_000))] {
        let answer = server.get(&huge).await;
        assert!(answer.starts_with("HTTP/1.1 431 ") || answer.starts_with("HTTP/1.1 414 "), "{answer}");
    }
    assert!(server.get("/who").await.starts_with("HTTP/1.1 200 "), "it goes on");
}

#[tokio::test]
async fn one_too_many_is_told_so_and_a_place_that_is_free_again_is_given() {
    let server = Server::start(PATIENT).await;
    let mut held = Vec::new();
    for _ in 0..PATIENT.connections {
        held.push(placed(&server).await);
    }
    for _ in 0..100 {
        let answer = server.get("/").await;
        assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("\r\nRetry-After: 5\r\n"), "{answer}");
    }
    drop(held.pop());
    server.has_room().await;
}

#[tokio::test]
async fn who_says_nothing_or_half_of_it_is_closed() {
    let server = Server::start(Limits { header: Duration::from_millis(20), ..PATIENT }).await;
    for said in ["", "GET / HTT", "GET / HTTP/1.1\r\nHost: localhost\r\nX: "] {
        assert!(!server.ask(said).await.contains("200 OK"), "{said}");
    }
    let mut silent = placed(&server).await;
    assert_eq!(silent.read_to_end(&mut Vec::new()).await.unwrap(), 0, "after an answer, too");
}

#[tokio::test]
async fn who_reads_slowly_is_cut_off_and_keeps_no_place() {
    let server = Server::start(Limits { connections: 1, progress: Duration::from_millis(20), ..PATIENT }).await;
    let mut slow = server.connect().await;
    slow.write_all(b"GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    // This connection has a place and never reads.
    slow.readable().await.unwrap();
    server.has_room().await;
}

#[tokio::test]
async fn a_server_that_stops_lets_nobody_hold_it() {
    let server = Server::start(PATIENT).await;
    let _idle = [placed(&server).await, server.connect().await];
    let mut waiting = server.connect().await;
    waiting.write_all(b"GET /never HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let _endless = {
        let mut endless = server.connect().await;
        endless.write_all(b"GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        endless.readable().await.unwrap();
        endless
    };
    drop(server.stop);
    server.ended.await.unwrap();
    assert!(TcpStream::connect(server.address).await.is_err(), "nobody listens any more");
}
