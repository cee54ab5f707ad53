//! The master's page in a real browser. What it looks like is in `target/page/*.png` afterwards, for people.
#![cfg(unix)]

use std::fs;
use std::net::SocketAddr;

use facefleet_e2e::{
    Browser, LOOPBACK, PHONE, PROJECTOR, Process, Screen, Service, asset, lasting_address, wait_until,
};
use facefleet_service::clock;
use prerequisites::CHROMEDRIVER;

use crate::media::text;
use crate::metrics::{scrape, sum};
use crate::parts::VideoInParts;

const TOKEN: &str = "a-token-for-the-stage";
/// Nothing moved on its way from the left to the right edge.
const NO_SIDEWAYS: &str = "document.documentElement.scrollWidth <= innerWidth";
/// All that the page has asked for was asked of the master.
const STRANGERS: &str = "performance.getEntriesByType('resource').map((e) => e.name).filter((url) => new URL(url, location).origin !== location.origin && !url.startsWith('blob:'))";

/// A cluster with a page.
pub(crate) struct Stage {
    workers: Vec<Service>,
    pub(crate) master: Service,
    http: SocketAddr,
}

impl Stage {
    fn start(workers: usize) -> Stage {
        Stage::start_at((LOOPBACK, LOOPBACK), workers, &[])
    }

    /// A master at these two addresses, and workers with these flags.
    pub(crate) fn start_at((listen, http): (SocketAddr, SocketAddr), workers: usize, args: &[&str]) -> Stage {
        let (master, http) = master(listen, http);
        let worker = |number| worker(&format!("worker-{number}"), master.address, args);
        Stage { workers: (1..=workers).map(worker).collect(), master, http }
    }

    pub(crate) fn show(&self, browser: &Browser) {
        browser.open(&format!("http://{}/", self.http));
        self.wait_for_workers(browser, "healthy", self.workers.len());
    }

    fn wait_for_workers(&self, browser: &Browser, state: &str, count: usize) {
        let cards = format!("document.querySelectorAll('.card[data-state={state}]').length === {count}");
        browser.wait_until(&format!("show {count} workers that are {state}"), &cards);
    }

    /// A client that holds its video back after the first part.
    fn run(&self, video: &str) -> (Process, VideoInParts) {
        let master = self.master.address.to_string();
        // The frames of a part take the slowest detector about a second, in which the page shows that they flow.
        let slow = ["--detector", "rustface", "--detect-size", "640"];
        VideoInParts::client(&[&["run", "--master", &master, video][..], &slow].concat())
    }
}

fn master(listen: SocketAddr, http: SocketAddr) -> (Service, SocketAddr) {
    let http = http.to_string();
    let mut master = Service::master_with(listen, &["--http", &http, "--admin-token", TOKEN]).unwrap();
    let page = |line: &str| line.strip_prefix("page on http://")?.trim_end_matches('/').parse().ok();
    let http = master.process.wait_for("say where its page is", page).unwrap();
    (master, http)
}

fn worker(name: &str, master: SocketAddr, args: &[&str]) -> Service {
    let mut worker = Service::worker_with(LOOPBACK, name, master, args).unwrap();
    worker.joined().unwrap();
    worker
}

/// A browser that shows nothing yet. None: Chromium is missing, and the test is skipped.
#[track_caller]
pub(crate) fn browser(screen: Screen) -> Option<Browser> {
    CHROMEDRIVER.is_there().then(|| Browser::start(screen).unwrap())
}

#[test]
fn a_run_is_seen_as_it_goes() {
    let Some(browser) = browser(PROJECTOR) else { return };
    let stage = Stage::start(3);
    stage.show(&browser);
    let (client, mut video) = stage.run(text(&asset("demo.mp4")));
    browser.wait_until("show the stream", "/demo.mp4/.test(document.querySelector('#streams th')?.textContent)");
    browser.wait_until("count frames", "/^[1-9]/.test(document.querySelector('#streams .ledger .small').textContent)");
    let counted: String = browser.value("document.querySelector('#streams .ledger .small').textContent");
    video.go_on();
    let moved = format!("document.querySelector('#streams .ledger .small').textContent !== {counted:?}");
    browser.wait_until("count on", &moved);
    // The first frames may have had one worker to go to.
    browser.wait_until("give a reason", "/worker-[123].*ms/.test(document.querySelector('#decisions li').textContent)");
    browser.wait_until(
        "show how many frames a second there are",
        "parseFloat(document.querySelector('#f-rate').textContent) > 0",
    );
    browser.wait_until(
        "let frames flow",
        "/demo.mp4/.test(document.querySelector('#flow-lines').getAttribute('aria-label'))",
    );
    browser.wait_until("draw the charts", "document.querySelectorAll('.charts svg').length === 3");
    browser.picture("projector-en");
    browser.click("#theme");
    browser.picture("projector-other-theme");

    browser.click("#language");
    browser.wait_until("speak Chinese", "document.documentElement.lang === 'zh-CN'");
    assert_eq!(browser.value::<String>("document.querySelector('#workers-title').textContent"), "工作节点");
    let left = "[...document.querySelectorAll('[data-i18n]')].filter((n) => /[a-z]{3}/.test(n.textContent) && !/facefleet|--|p50/.test(n.textContent)).map((n) => n.dataset.i18n)";
    assert_eq!(browser.value::<Vec<String>>(left), Vec::<String>::new(), "texts that are not in Chinese");
    browser.picture("projector-zh");
    drop(video);
    assert_eq!(client.end().unwrap().code, Some(0));

    assert_eq!(browser.value::<Vec<String>>(STRANGERS), Vec::<String>::new());
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn a_chinese_browser_is_spoken_to_in_chinese() {
    let screen = Screen { language: "zh-CN", ..PHONE };
    let Some(browser) = browser(screen) else { return };
    let stage = Stage::start(1);
    stage.show(&browser);
    assert_eq!(browser.value::<String>("document.documentElement.lang"), "zh-CN");
    browser.picture("phone-zh");
    browser.click("#language");
    browser.wait_until("speak English", "document.documentElement.lang === 'en'");
}

/// Counts the views that the master sends up to the first of which something is true: from now on, or from the last change on
/// that was answered. A master's views are a second apart or more, so their number is a time that a busy machine does not make
/// longer.
const COUNT: &str = "(() => {
    window.views = 0;
    window.seenAt = null;
    const source = new EventSource('api/events');
    source.addEventListener('view', (event) => {
        const view = JSON.parse(event.data);
        window.views += 1;
        if (window.seenAt === null && window.isSo?.(view)) window.seenAt = window.views;
    });
    const ask = window.fetch;
    window.fetch = async (path, ...more) => {
        const answer = await ask(path, ...more);
        if (path === 'api/admin') window.since = window.views;
        return answer;
    };
    return true;
})()";

/// Counts views from now on until `is_so`, an expression of `view`, is true.
fn count_views_until(browser: &Browser, is_so: &str) {
    assert!(browser.value::<bool>(COUNT));
    browser.wait_until("see a view", "window.views > 0");
    assert!(
        browser.value::<bool>(&format!("((window.isSo = (view) => {is_so}), (window.since = window.views), true)"))
    );
}

/// Waits until a view has shown it; how many came until then, that one included.
fn views_until(browser: &Browser) -> i32 {
    browser.wait_until("see a view that shows it", "window.seenAt !== null");
    browser.value("window.seenAt - window.since")
}

/// Three seconds without a heartbeat, and a second to the next view: the fourth view after the death shows it, and one
/// may have been on its way before.
#[test]
fn a_killed_worker_turns_red_and_comes_back() {
    let Some(browser) = browser(PROJECTOR) else { return };
    let mut stage = Stage::start(2);
    stage.show(&browser);
    count_views_until(&browser, "view.workers.some((worker) => worker.state === 'lost')");
    stage.workers[1].process.kill();
    let killed = clock::now();
    stage.wait_for_workers(&browser, "lost", 1);
    println!("lost after {} ms", clock::now().saturating_duration_since(killed).as_millis());
    let views = views_until(&browser);
    assert!(views <= 5, "{views} views a second apart went by");
    browser.wait_until("say so", "/worker-2/.test(document.querySelector('#announcer').textContent)");
    assert_eq!(browser.value::<String>("document.querySelector('.card[data-state=lost] h3').textContent"), "worker-2");
    browser.picture("a-worker-lost");
    stage.workers[1] = worker("worker-2", stage.master.address, &[]);
    stage.wait_for_workers(&browser, "healthy", 2);
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn who_has_the_token_changes_policies_and_sends_workers_to_rest() {
    let Some(browser) = browser(PROJECTOR) else { return };
    let stage = Stage::start(2);
    stage.show(&browser);
    browser.wait_until("ask for the token", "document.querySelector('#admin-token').checkVisibility()");
    browser.type_into("#admin-token", "not-the-token-that-it-is");
    browser.click("#admin-form button");
    browser.click("#policies [title=weighted-round-robin]");
    browser.wait_until("refuse another token", "/not accept/.test(document.querySelector('#admin-said').textContent)");
    browser.complaints();

    browser.type_into("#admin-token", TOKEN);
    browser.click("#admin-form button");
    // From the answer on: the next view shows it, and one may have been on its way before.
    count_views_until(&browser, "view.policy === 'weighted-round-robin'");
    browser.click("#policies [title=weighted-round-robin]");
    let policy = "document.querySelector('#f-policy').textContent === 'weighted round robin'";
    browser.wait_until("show the policy that was chosen", policy);
    let said = "/weighted-round-robin now/.test(document.querySelector('#admin-said').textContent)";
    browser.wait_until("say that it was changed", said);
    let views = views_until(&browser);
    assert!(views <= 2, "{views} views a second apart went by");
    browser.picture("on-stage");

    browser.click(".card button.rest");
    stage.wait_for_workers(&browser, "resting", 1);
    browser.click(".card[data-state=resting] button.rest");
    stage.wait_for_workers(&browser, "healthy", 2);
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn a_phone_shows_all_of_it_and_a_name_with_markup_is_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let name = "<img src=x onerror=document.title='gotcha'>.mp4";
    let video = folder.path().join(name);
    fs::copy(asset("demo.mp4"), &video).unwrap();
    for width in [PHONE.width, 320] {
        let Some(browser) = browser(Screen { width, ..PHONE }) else { return };
        let stage = Stage::start(2);
        stage.show(&browser);
        let (client, held) = stage.run(text(&video));
        let shown = format!("document.querySelector('#streams th')?.textContent.includes({name:?})");
        browser.wait_until("show the name as it is", &shown);
        browser
            .wait_until("count frames", "/^[1-9]/.test(document.querySelector('#streams .ledger .small').textContent)");
        assert_eq!(browser.value::<String>("document.title"), "facefleet");
        assert!(browser.value::<bool>(NO_SIDEWAYS), "at {width} pixels it scrolls sideways");
        browser.picture(&format!("phone-{width}"));
        drop(held);
        assert_eq!(client.end().unwrap().code, Some(0));
        assert_eq!(browser.complaints(), Vec::<String>::new());
    }
}

/// A browser keeps a page that somebody has left, for a minute and with its connections, of which there are six for all pages of
/// a site. It says so to the page, as is done here: when it does it by itself, and for how long, is its own affair.
#[test]
fn a_page_that_was_left_keeps_no_connection_and_lives_when_somebody_goes_back_to_it() {
    let Some(browser) = browser(PROJECTOR) else { return };
    let mut stage = Stage::start(1);
    stage.show(&browser);
    let say = |event: &str| {
        let said = format!("window.dispatchEvent(new PageTransitionEvent('{event}', {{ persisted: true }}))");
        assert!(browser.value::<bool>(&said));
    };
    say("pagehide");
    // The master closes those on which nothing goes on. The one that is left asks this.
    let site = stage.http.to_string();
    wait_until("the page has no connection", || sum(&scrape(&site), "facefleet_http_connections", "") == 1);
    stage.workers[0].process.kill();
    say("pageshow");
    stage.wait_for_workers(&browser, "lost", 1);
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn the_page_comes_back_with_its_master() {
    let Some(browser) = browser(PROJECTOR) else { return };
    let mut stage = Stage::start_at((lasting_address(), lasting_address()), 2, &[]);
    stage.show(&browser);
    assert_eq!(browser.complaints(), Vec::<String>::new());
    stage.master.process.kill();
    browser.wait_until("say that the master is away", "document.body.classList.contains('away')");
    assert!(browser.value::<bool>("/lost, reconnecting/.test(document.querySelector('#banner').textContent)"));
    browser.picture("master-away");
    // It complains of requests that failed, and should.
    (stage.master, stage.http) = master(stage.master.address, stage.http);
    browser.wait_until("find it again", "!document.body.classList.contains('away')");
    stage.wait_for_workers(&browser, "healthy", 2);
    assert!(browser.value::<bool>("document.querySelector('#banner').hidden"));
}
