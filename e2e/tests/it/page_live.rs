//! What the workers see, on the master's page in a real browser.
#![cfg(unix)]

use facefleet_e2e::{Browser, LOOPBACK, PROJECTOR, Process, asset, client, tool};
use tempfile::TempDir;

use crate::media::text;
use crate::page::{Stage, browser};

const TOKEN: &str = "a-token-for-the-pictures";
const HTTP: [&str; 2] = ["--http", "127.0.0.1:0"];
const THUMBNAIL: &str = "document.querySelector('#live img').naturalWidth > 0";
const LARGE: &str = "document.querySelector('#large-picture')";

/// A camera that films for minutes: longer than a test takes. It ends when it is dropped.
struct Camera {
    _client: Process,
    _folder: TempDir,
}

impl Camera {
    fn start(stage: &Stage) -> Camera {
        let folder = tempfile::tempdir().unwrap();
        let video = folder.path().join("door.mp4");
        let again =
            ["-stream_loop", "60", "-i", text(&asset("demo.mp4")), "-c", "copy", text(&video)].map(str::to_owned);
        tool("ffmpeg", &again.each_ref().map(String::as_str)).unwrap();
        let master = stage.master.address.to_string();
        let client = client(&["run", "--live", "--master", &master, text(&video)]).unwrap();
        Camera { _client: client, _folder: folder }
    }
}

/// Brings the pictures onto the screen: those that nobody sees are not asked for.
fn look(browser: &Browser) {
    assert!(browser.value::<bool>("(document.querySelector('.live').scrollIntoView(), true)"));
}

fn says(what: &str) -> String {
    format!("new RegExp({what:?}).test(document.querySelector('#live-problem').textContent)")
}

#[test]
fn a_thumbnail_grows_and_goes_on() {
    let Some(browser) = browser(PROJECTOR) else { return };
    let stage = Stage::start_at((LOOPBACK, LOOPBACK), 1, &HTTP);
    stage.show(&browser);
    let _camera = Camera::start(&stage);
    look(&browser);
    browser.wait_until("show a picture", &format!("document.querySelector('#live img') && {THUMBNAIL}"));
    browser.click("#live button");
    browser.wait_until("show it in large", &format!("{LARGE}.naturalWidth > 0 && {LARGE}.checkVisibility()"));
    let title: String = browser.value("document.querySelector('#large-title').textContent");
    assert!(title.contains("door.mp4") && title.contains("worker-1"), "{title}");
    let first: String = browser.value(&format!("{LARGE}.src"));
    browser.wait_until("show the next one", &format!("{LARGE}.src !== {first:?} && {LARGE}.naturalWidth > 0"));
    browser.picture("live-large");
    browser.escape();
    browser.wait_until("close it", "!document.querySelector('#large').open");
    assert!(browser.value::<bool>(&format!("!{LARGE}.hasAttribute('src') && {THUMBNAIL}")));
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

/// A browser behind a proxy on this machine, which says for whom it asks, is none of this machine.
#[test]
fn who_is_elsewhere_shows_the_live_token() {
    let Some(browser) = browser(PROJECTOR) else { return };
    let stage = Stage::start_at((LOOPBACK, LOOPBACK), 1, &[&HTTP[..], &["--live-token", TOKEN]].concat());
    browser.ask_for("203.0.113.9");
    stage.show(&browser);
    let _camera = Camera::start(&stage);
    look(&browser);
    browser.wait_until("ask for the token", &says("need the live token"));
    let try_token = |token: &str| {
        browser.wait_until("take a token", "document.querySelector('#live-token').checkVisibility()");
        browser.type_into("#live-token", token);
        browser.click("#live-form button");
    };
    try_token("a-token-that-it-is-not");
    browser.wait_until("say that it is another", &says("not accepted"));
    assert!(browser.value::<bool>("document.querySelector('#live img') === null"));
    browser.picture("live-token");
    try_token(TOKEN);
    browser.wait_until("show a picture", &format!("document.querySelector('#live img') && {THUMBNAIL}"));
    assert!(browser.value::<bool>("document.querySelector('#live-problem').hidden"));

    assert!(browser.value::<bool>(SLOW_LIST));
    try_token_unseen(&browser, "another-that-it-is-not");
    browser.wait_until("say that it is another too", &says("not accepted"));
    let asked: Vec<String> = browser.value("window.asked['Bearer another-that-it-is-not']");
    assert!(
        asked.iter().all(|path| path == "live/worker-1"),
        "a wrong token counts once, and not for each picture: {asked:?}"
    );

    // Six at least, since one of them is had back every ten seconds.
    for number in 0..60 {
        try_token_unseen(&browser, &format!("a-token-that-it-is-not-{number}"));
        browser.wait_until("answer", &format!("{} || {}", says("not accepted"), says("Too many wrong tokens")));
        if browser.value::<bool>(&says("Too many wrong tokens. These workers accept the next one in [0-9]+ s")) {
            break;
        }
    }
    assert!(browser.value::<bool>(&says("Too many wrong tokens")));
    assert!(browser.value::<bool>("document.querySelector('#live img') === null"));
    browser.click("#language");
    browser.wait_until("say so in Chinese", &says("错误的令牌太多"));
    look(&browser);
    try_token_unseen(&browser, TOKEN);
    browser.wait_until("show a picture later", &format!("document.querySelector('#live img') && {THUMBNAIL}"));
}

/// Keeps what the page asks for with which token, and lets a worker's list wait until pictures are due.
const SLOW_LIST: &str = "(() => {
    window.asked = {};
    const ask = window.fetch;
    window.fetch = async (path, init, ...more) => {
        if (path.startsWith('live/')) (window.asked[init.headers.Authorization] ??= []).push(path);
        if (path === 'live/worker-1') await new Promise((resume) => setTimeout(resume, 2000));
        return ask(path, init, ...more);
    };
    return true;
})()";

/// Gives the page a token, also while it shows pictures and asks for none.
fn try_token_unseen(browser: &Browser, token: &str) {
    let give = format!(
        "((document.querySelector('#live-token').value = {token:?}), \
          document.querySelector('#live-form').dispatchEvent(new Event('submit', {{ cancelable: true }})), true)"
    );
    assert!(browser.value::<bool>(&give));
}
