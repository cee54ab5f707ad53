//! A browser without a window, in which tests look at pages.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use prerequisites::CHROMEDRIVER;
use serde::de::DeserializeOwned;
use serde_json::json;
use thirtyfour::cdp::domains::performance::{Enable, GetMetrics};
use thirtyfour::error::WebDriverResult;
use thirtyfour::{ChromeCapabilities, ChromiumLikeCapabilities, DesiredCapabilities, LoggingPrefsLogLevel, WebDriver};
use tokio::runtime::{Builder, Runtime};

use crate::process::LIMIT;
use crate::{Error, Process};

/// The program that drives Chromium.
const DRIVER: &str = CHROMEDRIVER.program;
/// Escape, as WebDriver writes it.
const ESCAPE: &str = "\u{e00c}";
/// How often a page is asked whether something has come true, in milliseconds.
const LOOK_MS: u32 = 20;

/// What a browser says of itself to the pages that it shows.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    /// Width of the page, in pixels of the page.
    pub width: u32,
    /// Height of the page, in pixels of the page.
    pub height: u32,
    /// Whether the screen is a phone's: touched, and with two points for each pixel of the page.
    pub phone: bool,
    /// The language that its user reads, such as `zh-CN`.
    pub language: &'static str,
}

/// The screen of a projector.
pub const PROJECTOR: Screen = Screen { width: 1920, height: 1080, phone: false, language: "en-US" };
/// The screen of a phone.
pub const PHONE: Screen = Screen { width: 390, height: 844, phone: true, language: "en-US" };

/// A Chromium, and the program that drives it. Dropping it ends both.
pub struct Browser {
    driver: Option<WebDriver>,
    runtime: Runtime,
    _process: Process,
}

impl Browser {
    /// Starts one that shows nothing yet.
    ///
    /// # Errors
    /// The driver did not start.
    ///
    /// # Panics
    /// The driver cannot start the browser.
    pub fn start(screen: Screen) -> Result<Browser, Error> {
        let mut command = Command::new(DRIVER);
        command.arg("--port=0");
        let mut process = Process::start(DRIVER, command)?;
        let port = |line: &str| line.split_once("started successfully on port ")?.1.trim_end_matches('.').parse().ok();
        let port: u16 = process.wait_for("say where it listens", port)?;
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime needs nothing but memory");
        let url = format!("http://127.0.0.1:{port}");
        let driver = runtime.block_on(async {
            let driver = WebDriver::new(url, capabilities(screen)?).await?;
            driver.set_script_timeout(LIMIT).await?;
            Ok::<_, thirtyfour::error::WebDriverError>(driver)
        });
        let driver = driver.unwrap_or_else(|error| panic!("{DRIVER} cannot start Chromium: {error}"));
        Ok(Browser { driver: Some(driver), runtime, _process: process })
    }

    /// Shows the page at this address, and waits until it is loaded.
    ///
    /// # Panics
    /// There is none.
    pub fn open(&self, url: &str) {
        self.run(&format!("open {url}"), async |driver| driver.goto(url).await);
    }

    /// The value of this expression in the page.
    ///
    /// # Panics
    /// The expression has no value, or one of another type.
    #[track_caller]
    pub fn value<T: DeserializeOwned>(&self, expression: &str) -> T {
        let script = format!("return {expression}");
        self.run(expression, async |driver| driver.execute(script, Vec::new()).await?.convert())
    }

    /// Waits until this expression is true in the page. `awaited` is what is to come true, for people.
    ///
    /// # Panics
    /// The page takes too long.
    #[track_caller]
    pub fn wait_until(&self, awaited: &str, expression: &str) {
        let script = format!(
            "const done = arguments[0]; \
             const look = () => {{ if ({expression}) done(true); else setTimeout(look, {LOOK_MS}); }}; look();"
        );
        self.run(awaited, async |driver| driver.execute_async(script, Vec::new()).await.map(drop));
    }

    /// Clicks on the element of this CSS selector, as a person would.
    ///
    /// # Panics
    /// The element is not there, or something else is above it.
    #[track_caller]
    pub fn click(&self, selector: &str) {
        let by = thirtyfour::By::Css(selector);
        self.run(&format!("click on {selector}"), async |driver| driver.find(by).await?.click().await);
    }

    /// Presses Escape where the page has its focus.
    ///
    /// # Panics
    /// The browser does not take it.
    #[track_caller]
    pub fn escape(&self) {
        self.run("take Escape", async |driver| driver.active_element().await?.send_keys(ESCAPE).await);
    }

    /// Says with each request from now on that it is made for somebody at this address, as a proxy would.
    ///
    /// # Panics
    /// The browser does not take it.
    #[track_caller]
    pub fn ask_for(&self, address: &str) {
        let headers = json!({ "headers": { "X-Forwarded-For": address } });
        self.run("send a header", async |driver| {
            driver.cdp().send_raw("Network.enable", json!({})).await?;
            driver.cdp().send_raw("Network.setExtraHTTPHeaders", headers).await.map(drop)
        });
    }

    /// Types into the element of this CSS selector.
    ///
    /// # Panics
    /// The element is not there, or takes no text.
    #[track_caller]
    pub fn type_into(&self, selector: &str, text: &str) {
        let by = thirtyfour::By::Css(selector);
        self.run(&format!("type into {selector}"), async |driver| driver.find(by).await?.send_keys(text).await);
    }

    /// What the page has said on its console since the last time, as far as it concerns errors and warnings.
    ///
    /// # Panics
    /// The browser does not tell.
    #[track_caller]
    pub fn complaints(&self) -> Vec<String> {
        let log = self.run("read the console", async |driver| driver.browser_log().await);
        log.into_iter().filter(|entry| entry.level != "INFO").map(|entry| entry.message).collect()
    }

    /// What showing pages has cost since the browser started, in seconds of its main thread: running scripts, and working out
    /// styles and places.
    ///
    /// # Panics
    /// The browser does not tell.
    #[track_caller]
    pub fn spent(&self) -> [f64; 2] {
        let metrics = self.run("tell what it has spent", async |driver| {
            driver.cdp().send(Enable::default()).await?;
            Ok(driver.cdp().send(GetMetrics).await?.metrics)
        });
        let of = |name| metrics.iter().find(|metric| metric.name == name).map_or(0.0, |metric| metric.value);
        [of("ScriptDuration"), of("LayoutDuration") + of("RecalcStyleDuration")]
    }

    /// Keeps what is on the screen as a picture, for people: `target/page/NAME.png` in the checkout. Returns where.
    ///
    /// # Panics
    /// The file cannot be written.
    #[track_caller]
    pub fn picture(&self, name: &str) -> PathBuf {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/page");
        fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("cannot make {}: {error}", folder.display()));
        let path = folder.join(format!("{name}.png"));
        self.run("take a picture", async |driver| driver.screenshot(&path).await);
        path
    }

    #[track_caller]
    fn run<T>(&self, what: &str, action: impl AsyncFnOnce(&WebDriver) -> WebDriverResult<T>) -> T {
        let driver = self.driver.as_ref().expect("only the drop takes it");
        // The driver has limits of its own; this one is for a driver that hangs.
        let limit = LIMIT + Duration::from_secs(10);
        match self.runtime.block_on(async { tokio::time::timeout(limit, action(driver)).await }) {
            Ok(Ok(done)) => done,
            Ok(Err(error)) => panic!("the browser did not {what}: {error}"),
            Err(_) => panic!("the browser did not {what} within {} s", limit.as_secs()),
        }
    }
}

/// Ends the browser, which would go on without its driver.
impl Drop for Browser {
    fn drop(&mut self) {
        if let Some(driver) = self.driver.take() {
            // Err: it has ended already.
            let _ = self.runtime.block_on(driver.quit());
        }
    }
}

impl fmt::Debug for Browser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Browser").finish_non_exhaustive()
    }
}

fn capabilities(screen: Screen) -> WebDriverResult<ChromeCapabilities> {
    let Screen { width, height, phone, language } = screen;
    let mut chrome = DesiredCapabilities::chrome();
    // No sandbox of its own: it shows nothing but our page, and as root or in a container it would not start with it.
    let fixed = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars"];
    for argument in fixed {
        chrome.add_arg(argument)?;
    }
    chrome.add_arg(&format!("--window-size={width},{height}"))?;
    chrome.add_arg(&format!("--lang={language}"))?;
    chrome.add_experimental_option("prefs", json!({ "intl.accept_languages": language }))?;
    let ratio = if phone { 2.0 } else { 1.0 };
    let metrics = json!({ "width": width, "height": height, "pixelRatio": ratio, "mobile": phone, "touch": phone });
    chrome.add_experimental_option("mobileEmulation", json!({ "deviceMetrics": metrics }))?;
    chrome.set_browser_log_level(LoggingPrefsLogLevel::All)?;
    Ok(chrome)
}
