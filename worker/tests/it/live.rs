//! The live view of a worker over HTTP.

use std::net::SocketAddr;

use facefleet_proto::{AnalyzeOpen, Outcome, Task};
use facefleet_service::http::proof::proof;
use facefleet_vision::{Limits, jpeg};
use image::RgbImage;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::analyze::{Session, frame};
use crate::support::{FakeMaster, Worker, messages, old_frame, portrait, soon};

const NOBODY: &str = "127.0.0.1:1";
const ID: &str = "00000000000000ab";
const TOKEN: &str = "0123456789abcdef+/";

fn door() -> AnalyzeOpen {
    AnalyzeOpen { lease_id: Some(0xab), stream_id: "door <1>".to_owned(), ..AnalyzeOpen::default() }
}

/// An HTTP answer whose body is still to be read.
struct Answer {
    status: u16,
    headers: String,
    body: BufReader<TcpStream>,
}

/// Requests `path` with these header lines.
async fn ask(http: SocketAddr, path: &str, headers: &str) -> Answer {
    let mut tcp = TcpStream::connect(http).await.unwrap();
    let host = if headers.contains("Host:") { String::new() } else { format!("Host: {http}\r\n") };
    let request = format!("GET {path} HTTP/1.1\r\n{host}{headers}Connection: close\r\n\r\n");
    tcp.write_all(request.as_bytes()).await.unwrap();
    let mut body = BufReader::new(tcp);
    let status = line(&mut body).await.split(' ').nth(1).unwrap().parse().unwrap();
    let headers = head(&mut body).await;
    Answer { status, headers, body }
}

async fn line(from: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    soon(from.read_line(&mut line)).await.unwrap();
    line
}

/// Reads the lines up to the next empty one.
async fn head(from: &mut BufReader<TcpStream>) -> String {
    let mut lines = String::new();
    loop {
        let line = line(from).await;
        if line.trim().is_empty() {
            return lines.to_ascii_lowercase();
        }
        lines += &line;
    }
}

fn value<'a>(headers: &'a str, name: &str) -> Option<&'a str> {
    headers.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

impl Answer {
    async fn bytes(mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        soon(self.body.read_to_end(&mut bytes)).await.unwrap();
        bytes
    }

    async fn text(self) -> String {
        String::from_utf8(self.bytes().await).unwrap()
    }

    fn picture_number(&self) -> u64 {
        value(&self.headers, "x-picture").unwrap().parse().unwrap()
    }

    /// Reads the next picture of a stream that plays, and its number. The body comes in chunks, which end where parts do.
    async fn part(&mut self) -> (u64, Vec<u8>) {
        let headers = loop {
            let headers = head(&mut self.body).await;
            if headers.contains("x-picture") {
                break headers;
            }
        };
        let mut picture = vec![0; value(&headers, "content-length").unwrap().parse().unwrap()];
        soon(self.body.read_exact(&mut picture)).await.unwrap();
        (value(&headers, "x-picture").unwrap().parse().unwrap(), picture)
    }
}

async fn status(http: SocketAddr, path: &str, headers: &str) -> u16 {
    ask(http, path, headers).await.status
}

async fn list(http: SocketAddr) -> Vec<Value> {
    let answer = ask(http, "/live", "").await;
    assert_eq!((answer.status, value(&answer.headers, "content-type")), (200, Some("application/json")));
    let list: Value = serde_json::from_str(&answer.text().await).unwrap();
    list["streams"].as_array().unwrap().clone()
}

/// Waits until all streams together have this number of viewers.
async fn watched_by(http: SocketAddr, watchers: u64) {
    let watched = async {
        while list(http).await.iter().map(|stream| stream["watchers"].as_u64().unwrap()).sum::<u64>() != watchers {
            tokio::task::yield_now().await;
        }
    };
    soon(watched).await;
}

fn decoded(picture: &[u8]) -> RgbImage {
    jpeg::decode_rgb(picture, &Limits::default()).unwrap()
}

#[tokio::test]
async fn a_stream_is_listed_and_its_picture_has_a_box_around_the_face() {
    let (worker, http) = Worker::shown(NOBODY.parse().unwrap(), |_| {}).await;
    assert!(list(http).await.is_empty());
    let mut session = Session::start(&worker, door()).await.unwrap();
    assert_eq!(list(http).await, [serde_json::json!({ "id": ID, "name": "door <1>", "watchers": 0 })]);
    let page = ask(http, "/live", "Accept: text/html,*/*\r\n").await.text().await;
    assert!(page.contains(&format!("<a href=\"/live/{ID}\">door &lt;1&gt;</a>")), "{page}");

    let path = format!("/live/{ID}/picture.jpg?after=0");
    let asked = tokio::spawn(async move { ask(http, &path, "").await });
    watched_by(http, 1).await;
    session.send(frame(0, portrait())).await;
    let Outcome::Ok(found) = session.next().await.unwrap().unwrap().outcome else { panic!("a good frame") };
    let answer = soon(asked).await.unwrap();
    assert_eq!((answer.status, answer.picture_number()), (200, 1));
    assert_eq!(value(&answer.headers, "content-type"), Some("image/jpeg"));
    let picture = decoded(&answer.bytes().await);

    assert_eq!(picture.width().max(picture.height()), found.source_width.max(found.source_height).min(640));
    let scale = picture.width() as f32 / found.source_width as f32;
    let face = found.faces[0];
    let at = |x: f32, y: f32| picture.get_pixel((x * scale) as u32, (y * scale) as u32).0.map(i32::from);
    let middle = face.y + face.height / 2.0;
    let [red, green, blue] = at(face.x + 1.0, middle);
    assert!(green > red + 40 && green > blue + 40, "the box's left side: {red} {green} {blue}");
    let [red, green, _] = at(face.x + face.width / 2.0, middle);
    assert!(green < red + 20, "skin, in colour: {red} {green}");

    session.rest().await;
    soon(async {
        while !list(http).await.is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(status(http, &format!("/live/{ID}/picture.jpg"), "").await, 404);
}

#[tokio::test]
async fn a_stream_plays_while_it_is_open_and_nothing_is_drawn_for_nobody() {
    let (worker, http) = Worker::shown(NOBODY.parse().unwrap(), |_| {}).await;
    let mut session = Session::start(&worker, door()).await.unwrap();
    let mut playing = ask(http, &format!("/live/{ID}"), "").await;
    assert_eq!(playing.status, 200);
    assert!(value(&playing.headers, "content-type").unwrap().starts_with("multipart/x-mixed-replace; boundary="));
    for number in 1..3 {
        session.send(frame(number, portrait())).await;
        let (drawn, picture) = playing.part().await;
        assert_eq!(drawn, number);
        assert_eq!(decoded(&picture).width(), 512);
        session.next().await.unwrap().unwrap();
    }
    drop(playing);
    watched_by(http, 0).await;
    for seq in 3..10 {
        session.send(frame(seq, portrait())).await;
        session.next().await.unwrap().unwrap();
    }

    let mut playing = ask(http, &format!("/live/{ID}"), "").await;
    session.send(frame(10, portrait())).await;
    assert_eq!(playing.part().await.0, 3, "frames at which nobody looked were drawn");
    session.rest().await;
    let rest = playing.text().await;
    assert!(rest.ends_with("0\r\n\r\n"), "it ends with the stream: {rest}");
}

#[tokio::test]
async fn edges_are_seen_and_so_are_the_streams_of_old_programs() {
    let (worker, http) = Worker::shown(NOBODY.parse().unwrap(), |_| {}).await;
    let open = AnalyzeOpen { task: Task::Canny, lease_id: None, stream_id: String::new(), ..door() };
    let session = Session::start(&worker, open).await.unwrap();
    let listed = list(http).await;
    assert_eq!(listed[0]["name"], "unnamed");
    let mut playing = ask(http, &format!("/live/{}", listed[0]["id"].as_str().unwrap()), "").await;
    session.send(frame(0, portrait())).await;
    assert_eq!(jpeg::header(&playing.part().await.1).unwrap().components, 1);
    session.rest().await;

    let (send, frames) = messages();
    send.send(old_frame(portrait())).await.unwrap();
    let mut replies = worker.client().await.push_and_pull(frames).await.unwrap().into_inner();
    soon(replies.message()).await.unwrap().unwrap();
    let named = |stream: &&Value| stream["name"] == "PushAndPull from 127.0.0.1";
    let listed = list(http).await;
    let old = listed.iter().find(named).unwrap();
    let mut playing = ask(http, &format!("/live/{}", old["id"].as_str().unwrap()), "").await;
    send.send(old_frame(portrait())).await.unwrap();
    assert_eq!(decoded(&playing.part().await.1).width(), 512);
}

#[tokio::test]
async fn pictures_are_for_this_machine_alone_until_there_is_a_token() {
    let (_worker, http) = Worker::shown(NOBODY.parse().unwrap(), |_| {}).await;
    for path in ["/live", &format!("/live/{ID}"), &format!("/live/{ID}/picture.jpg")] {
        let answer = ask(http, path, "Forwarded: for=10.0.0.9\r\n").await;
        assert_eq!(answer.status, 403, "{path}");
        assert!(answer.text().await.contains("live-token"));
        assert_ne!(status(http, path, "Forwarded: for=127.0.0.1\r\n").await, 403, "{path}");
        assert_eq!(status(http, path, "Host: evil.example\r\n").await, 421, "{path}");
    }
}

#[tokio::test]
async fn who_shows_the_token_may_look_from_anywhere_and_who_guesses_may_not() {
    let token = |config: &mut facefleet_worker::Config| config.live_token = Some(TOKEN.parse().unwrap());
    let (_worker, http) = Worker::shown(NOBODY.parse().unwrap(), token).await;
    let far = "Forwarded: for=10.0.0.9\r\n";
    assert_eq!(status(http, "/live", "").await, 200);
    assert_eq!(status(http, "/live", far).await, 401);
    assert_eq!(status(http, "/live", &format!("{far}Authorization: Bearer {TOKEN}\r\n")).await, 200);
    assert_eq!(status(http, "/live?token=0123456789abcdef%2B%2F", far).await, 200);
    assert_eq!(status(http, &format!("/live/{ID}?token=0123456789abcdef%2B%2F"), far).await, 404);
    for _ in 0..5 {
        assert_eq!(status(http, "/live?token=0123456789abcdef", far).await, 401);
    }
    let answer = ask(http, "/live?token=0123456789abcdef%2B%2F", far).await;
    assert_eq!(answer.status, 429);
    assert!(value(&answer.headers, "retry-after").is_some(), "{}", answer.headers);
    assert_eq!(status(http, "/live", "").await, 200, "this machine needs none");
}

#[tokio::test]
async fn who_proves_the_token_for_somebody_is_answered_and_who_guesses_is_one_of_many() {
    let token = |config: &mut facefleet_worker::Config| config.live_token = Some(TOKEN.parse().unwrap());
    let (_worker, http) = Worker::shown(NOBODY.parse().unwrap(), token).await;
    // A master that has a proxy on its machine sends such a header.
    let far = |n: u32| format!("Forwarded: for=203.0.113.9, for=10.0.0.{n}, for=127.0.0.1\r\n");
    let refused = ask(http, "/live", &far(1)).await;
    let nonce = value(&refused.headers, "x-facefleet-nonce").unwrap();
    let proved = |n, address: SocketAddr, path| {
        format!("{}X-Facefleet-Proof: {}\r\n", far(n), proof(TOKEN, address, path, nonce))
    };
    assert_eq!(status(http, "/live", &proved(1, http, "/live")).await, 200);
    assert_eq!(status(http, "/live?after=1", &proved(1, http, "/live?after=1")).await, 200);
    let other = SocketAddr::new(http.ip(), http.port() ^ 1);
    for wrong in [
        proved(1, http, "/live?after=2"),
        proved(1, other, "/live"),
        format!("{}X-Facefleet-Proof: {TOKEN}\r\n", far(1)),
    ] {
        assert_eq!(status(http, "/live", &wrong).await, 401, "{wrong}");
    }
    for _ in 0..2 {
        assert_eq!(status(http, "/live", &format!("{}Authorization: Bearer guess\r\n", far(1))).await, 401);
    }
    assert_eq!(status(http, "/live", &proved(1, http, "/live")).await, 429);
    assert_eq!(
        status(http, "/live", &proved(2, http, "/live")).await,
        200,
        "others behind the same master do not notice"
    );
}

#[tokio::test]
async fn so_many_look_and_the_next_is_told() {
    let (worker, http) = Worker::shown(NOBODY.parse().unwrap(), |_| {}).await;
    let _session = Session::start(&worker, door()).await.unwrap();
    let path = format!("/live/{ID}");
    let mut playing = Vec::new();
    for _ in 0..32 {
        playing.push(ask(http, &path, "").await);
    }
    let answer = ask(http, &path, "").await;
    assert_eq!((answer.status, value(&answer.headers, "retry-after")), (503, Some("5")));
    playing.pop();
    watched_by(http, 31).await;
    assert_eq!(status(http, &path, "").await, 200);
}

#[tokio::test]
async fn tricks_lead_nowhere() {
    let (worker, http) = Worker::shown(NOBODY.parse().unwrap(), |_| {}).await;
    let _session = Session::start(&worker, door()).await.unwrap();
    for path in [
        "/live/",
        "//live",
        "/live/ab",
        "/live/00000000000000AB",
        "/live/00000000000000a%62",
        "/live/../live/00000000000000ab",
        "/live/%2e%2e/%2e%2e/etc/passwd",
        "/live/00000000000000ab/",
        "/live/00000000000000ab/..",
        "/live/00000000000000ab/picture.jpg/x",
        "/live/%00",
    ] {
        assert_eq!(status(http, path, "").await, 404, "{path}");
    }
}

#[tokio::test]
async fn it_is_ready_when_it_has_joined_and_its_master_knows_where_it_is_seen() {
    let (worker, http) = Worker::shown(NOBODY.parse().unwrap(), |_| {}).await;
    assert_eq!(status(http, "/healthz", "").await, 200);
    assert_eq!(status(http, "/readyz", "").await, 503);
    worker.shutdown.cancel();
    soon(worker.ended).await.unwrap().unwrap();

    let mut master = FakeMaster::start().await;
    let (_worker, http) = Worker::shown(master.address, |_| {}).await;
    assert_eq!(master.join().await.http_port, u32::from(http.port()));
    master.state(|_| true).await;
    assert_eq!(status(http, "/readyz", "").await, 200);
}
