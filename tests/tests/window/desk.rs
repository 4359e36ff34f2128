//! The window on its display, driven as a user would drive it: by what can be seen, clicked and typed into.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use fantoccini::elements::Element;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use nightjar_tests::{DEADLINE, program};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

/// Time between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// An open window.
pub(crate) struct Desk {
    client: Client,
    data: PathBuf,
    _driver: Driver,
}

/// WebKitWebDriver, which ends with the value.
struct Driver(Child);

impl Drop for Driver {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Drop for Desk {
    /// A test that fails leaves no Nightjar behind.
    fn drop(&mut self) {
        let Ok(process) = self.process() else { return };
        let arguments = std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
        // The number may be another process's by now.
        if String::from_utf8_lossy(&arguments).contains(&*self.data.to_string_lossy()) {
            let _ = kill(process, Signal::SIGKILL);
        }
    }
}

impl Desk {
    /// Opens the window on a data directory; port 0 takes a free one.
    pub(crate) async fn open(data: &Path, port: u16) -> anyhow::Result<Self> {
        let (driver, address) = start_driver(data)?;
        let nightjar = nightjar()?;
        let options = json!({
            "webkitgtk:browserOptions": {
                "binary": nightjar,
                "args": ["--data-dir", data, "--port", port.to_string()],
            }
        });
        let serde_json::Value::Object(capabilities) = options else { bail!("the capabilities are an object") };
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://{address}"))
            .await
            .context("WebKitWebDriver could not open the window")?;
        Ok(Self { client, data: data.to_owned(), _driver: driver })
    }

    /// Closes the window, and waits until Nightjar has ended.
    pub(crate) async fn close(self) -> anyhow::Result<()> {
        let process = self.process()?;
        self.client.clone().close().await?;
        // The driver ends the process itself, after a while; asking is faster, and fails where it is gone.
        let _ = kill(process, Signal::SIGTERM);
        let end = Instant::now() + DEADLINE;
        while kill(process, None).is_ok() {
            ensure!(Instant::now() < end, "Nightjar did not end");
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// The process, by the lock that it holds on its data directory.
    fn process(&self) -> anyhow::Result<Pid> {
        let lock = std::fs::read_to_string(self.data.join("nightjar.lock")).context("nightjar.lock")?;
        Ok(Pid::from_raw(lock.trim().parse()?))
    }

    /// All that can be read in the window.
    pub(crate) async fn text(&self) -> anyhow::Result<String> {
        let text = self.client.execute("return document.body.innerText", Vec::new()).await?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// Waits until the text can be read somewhere.
    pub(crate) async fn see(&self, text: &str) -> anyhow::Result<()> {
        self.until(&format!("{text:?} can be read"), |seen| seen.contains(text).then_some(())).await
    }

    /// Waits until the text can be read nowhere.
    pub(crate) async fn see_no(&self, text: &str) -> anyhow::Result<()> {
        self.until(&format!("{text:?} is gone"), |seen| (!seen.contains(text)).then_some(())).await
    }

    /// Where the window says that the broker listens.
    pub(crate) async fn address(&self) -> anyhow::Result<SocketAddr> {
        self.until("the address is told", |seen| {
            let (_, rest) = seen.split_once("mqtt://")?;
            let address = rest.split_whitespace().next()?;
            Some(SocketAddr::from((Ipv4Addr::LOCALHOST, address.rsplit_once(':')?.1.parse().ok()?)))
        })
        .await
    }

    async fn until<T>(&self, what: &str, pick: impl Fn(&str) -> Option<T>) -> anyhow::Result<T> {
        let end = Instant::now() + DEADLINE;
        loop {
            let text = self.text().await?;
            if let Some(picked) = pick(&text) {
                return Ok(picked);
            }
            ensure!(Instant::now() < end, "not within {DEADLINE:?}: {what}. What can be read:\n{text}");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Goes to a screen by its button in the rail.
    pub(crate) async fn screen(&self, title: &str) -> anyhow::Result<()> {
        self.click(&format!("//nav[@aria-label='Screens']//button[starts-with(normalize-space(.), '{title}')]")).await
    }

    /// Goes to a tab by what its title begins with.
    pub(crate) async fn tab(&self, title: &str) -> anyhow::Result<()> {
        self.click(&format!("//*[@role='tab'][starts-with(normalize-space(.), '{title}')]")).await
    }

    /// Clicks on a button by its text.
    pub(crate) async fn button(&self, text: &str) -> anyhow::Result<()> {
        self.click(&format!("//button[normalize-space(.)='{text}']")).await
    }

    /// Makes a choice of the first-run card by its words.
    pub(crate) async fn choose(&self, text: &str) -> anyhow::Result<()> {
        self.click(&format!("//label[.//b[normalize-space(.)='{text}']]")).await
    }

    /// Ticks a box by its words.
    pub(crate) async fn tick(&self, words: &str) -> anyhow::Result<()> {
        self.click(&format!("//label[normalize-space(.)='{words}']//input[@type='checkbox'][not(@disabled)]")).await?;
        let ticked = format!("//label[normalize-space(.)='{words}']//input[@type='checkbox'][not(@disabled)]");
        self.with(&ticked, async |element| match element.prop("checked").await?.as_deref() {
            Some("true") => Ok(()),
            _ => Err(fantoccini::error::CmdError::NotW3C(json!("it is not ticked yet"))),
        })
        .await
    }

    /// The lines to copy that contain a text.
    pub(crate) async fn lines(&self, text: &str) -> anyhow::Result<String> {
        self.see(text).await?;
        let script = "return [...document.querySelectorAll('pre')].map((pre) => pre.innerText)\
                      .find((lines) => lines.includes(arguments[0])) ?? ''";
        let lines = self.client.execute(script, vec![json!(text)]).await?;
        Ok(format!("{}\n", lines.as_str().unwrap_or_default()))
    }

    /// Clicks on the row of a table or tree that contains the text.
    pub(crate) async fn row(&self, text: &str) -> anyhow::Result<()> {
        self.click(&format!("//*[@role='row'][contains(., '{text}')]")).await
    }

    /// Waits for an element and clicks on it.
    pub(crate) async fn click(&self, xpath: &str) -> anyhow::Result<()> {
        // Lists are drawn anew all the time, and an element may be gone before the click comes.
        self.with(xpath, async |element| element.click().await).await
    }

    /// Replaces what is in a field, by its label.
    pub(crate) async fn type_into(&self, label: &str, text: &str) -> anyhow::Result<()> {
        let xpath = format!("//*[self::input or self::textarea][@aria-label='{label}']");
        self.with(&xpath, async |element| {
            element.clear().await?;
            element.send_keys(text).await
        })
        .await
    }

    /// What is in a field, by its label.
    pub(crate) async fn value(&self, label: &str) -> anyhow::Result<String> {
        let script = "return document.querySelector(`[aria-label='${arguments[0]}']`)?.value ?? ''";
        let value = self.client.execute(script, vec![json!(label)]).await?;
        Ok(value.as_str().unwrap_or_default().to_owned())
    }

    /// Chooses in a drop-down list, by its label and the option's value.
    pub(crate) async fn select(&self, label: &str, value: &str) -> anyhow::Result<()> {
        self.with(&format!("//select[@aria-label='{label}']"), async |element| element.select_by_value(value).await)
            .await
    }

    /// Waits until a drop-down list has a value.
    pub(crate) async fn see_selected(&self, label: &str, value: &str) -> anyhow::Result<()> {
        let script = "return document.querySelector(`select[aria-label=\"${arguments[0]}\"]`)?.value ?? null";
        let end = Instant::now() + DEADLINE;
        while self.client.execute(script, vec![json!(label)]).await? != json!(value) {
            ensure!(Instant::now() < end, "{label} is not {value}");
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    async fn with(
        &self,
        xpath: &str,
        act: impl AsyncFn(Element) -> Result<(), fantoccini::error::CmdError>,
    ) -> anyhow::Result<()> {
        let end = Instant::now() + DEADLINE;
        loop {
            let error = match self.client.find(Locator::XPath(xpath)).await {
                Ok(element) => match act(element).await {
                    Ok(()) => return Ok(()),
                    Err(error) => error,
                },
                Err(error) => error,
            };
            if Instant::now() >= end {
                bail!("{xpath}: {error}. What can be read:\n{}", self.text().await?);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// An attribute of the page's root: `data-theme`.
    pub(crate) async fn root(&self, attribute: &str) -> anyhow::Result<String> {
        let script = "return document.documentElement.getAttribute(arguments[0]) ?? ''";
        let value = self.client.execute(script, vec![json!(attribute)]).await?;
        Ok(value.as_str().unwrap_or_default().to_owned())
    }
}

/// The program with the window.
pub(crate) fn nightjar() -> anyhow::Result<PathBuf> {
    let nightjar = program("nightjar");
    ensure!(nightjar.is_file(), "{} is not built: cargo build --package nightjar", nightjar.display());
    Ok(nightjar)
}

/// A command on `nightjar` that sees nothing of the user's own files.
pub(crate) fn command(data: &Path) -> anyhow::Result<Command> {
    let mut command = Command::new(nightjar()?);
    at_home(&mut command, data);
    command.args(["--data-dir".as_ref(), data.as_os_str()]);
    Ok(command)
}

fn at_home(command: &mut Command, data: &Path) {
    for variable in ["XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "NIGHTJAR_DATA_DIR"] {
        command.env_remove(variable);
    }
    // In the locale C the web engine has no language, which has broken pages before.
    command.env("HOME", data.join("home")).env("LC_ALL", "C").env("WEBKIT_DISABLE_DMABUF_RENDERER", "1");
}

fn start_driver(data: &Path) -> anyhow::Result<(Driver, SocketAddr)> {
    ensure!(
        std::env::var_os("DISPLAY").is_some(),
        "there is no display: dbus-run-session -- xvfb-run -a -s '-screen 0 1280x800x24' cargo test …"
    );
    std::fs::create_dir_all(data.join("home"))?;
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let mut command = Command::new("WebKitWebDriver");
    at_home(&mut command, data);
    let driver = command
        .args(["--host=127.0.0.1", &format!("--port={}", address.port())])
        .env("TAURI_WEBVIEW_AUTOMATION", "true")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .context("WebKitWebDriver (package webkit2gtk-driver)")?;
    let driver = Driver(driver);
    let end = Instant::now() + DEADLINE;
    while TcpStream::connect(address).is_err() {
        ensure!(Instant::now() < end, "WebKitWebDriver does not listen");
        std::thread::sleep(LOOK);
    }
    Ok((driver, address))
}
