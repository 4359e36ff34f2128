//! The window: opening it, and closing everything in order when it closes.

use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nightjar_server::{Logging, ToStderr};
use tauri::utils::config::Color;
use tauri::{App, AppHandle, Manager, RunEvent, Url, WebviewUrl, WebviewWindowBuilder};
use tauri_plugin_window_state::StateFlags;

use crate::clipboard::Clipboard;
use crate::commands::{
    accounts, authority, bans, clients, export, history, imports, keeping, listeners, logs, looks, palette, publish,
    retained, security, shell, topics, ways_in,
};
use crate::engine::{Engine, Launch, Log};
use crate::preferences;
use crate::wire::Theme;

const LABEL: &str = "main";
/// The page's background before the page is there, so that nothing flashes.
const LIGHT: Color = Color(0xf2, 0xf3, 0xf0, 0xff);
const DARK: Color = Color(0x0f, 0x14, 0x17, 0xff);

/// Whether there is anything to open a window on.
pub(crate) fn has_display() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !cfg!(target_os = "linux") || is_set("DISPLAY") || is_set("WAYLAND_DISPLAY")
}

/// Opens the window, and returns when it is closed and everything is committed.
///
/// # Errors
/// A sentence, where no window can be opened.
pub(crate) fn run(launch: Launch) -> Result<ExitCode, String> {
    let log = preferences::log(&launch.data_directory);
    let logging = Logging::start(log.level, ToStderr::Warnings);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the threads of the broker can't be started ({error})"))?;
    tauri::async_runtime::set(runtime.handle().clone());

    let is_default = launch.data_directory == nightjar_server::default_data_directory();
    let engine = Arc::new(Engine::new(launch, Log { logging, settings: log }));
    let app = build(&engine, is_default)?;
    let closing = Closing::default();
    let code = app.run_return(move |app, event| {
        if let RunEvent::ExitRequested { api, code, .. } = event
            && !closing.is_over()
        {
            api.prevent_exit();
            closing.begin(app, Arc::clone(&engine), code.unwrap_or(0));
        }
    });
    Ok(u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from))
}

fn build(engine: &Arc<Engine>, is_default: bool) -> Result<App, String> {
    let managed = Arc::clone(engine);
    let mut builder = tauri::Builder::default();
    // Where somebody names a data directory they may want another window; its lock keeps two from sharing one.
    if is_default {
        builder = builder.plugin(tauri_plugin_single_instance::init(|app, _, _| raise(app)));
    }
    let builder = builder
        .plugin(tauri_plugin_dialog::init())
        .plugin(
            tauri_plugin_window_state::Builder::default()
                .with_state_flags(StateFlags::SIZE | StateFlags::POSITION | StateFlags::MAXIMIZED)
                .build(),
        )
        .manage(Arc::clone(engine))
        .manage(Arc::new(Clipboard::default()))
        .invoke_handler(tauri::generate_handler![
            looks::looks,
            shell::retry_start,
            shell::set_access,
            accounts::accounts,
            accounts::generate_password,
            accounts::add_account,
            accounts::firewall,
            authority::authority,
            authority::save_authority,
            ways_in::set_way_in,
            shell::preferences,
            shell::set_preferences,
            shell::copy,
            palette::find,
            topics::topic_messages,
            topics::message,
            clients::client_detail,
            clients::disconnect_client,
            clients::queue_rows,
            clients::queued_message,
            clients::purge_queue,
            history::history_open,
            history::history_page,
            history::history_histogram,
            history::history_gaps,
            history::condition_error,
            history::plot_open,
            history::plot_look,
            history::plot_close,
            history::history_close,
            export::export_directory,
            export::export_choose,
            export::export_begin,
            export::export_look,
            export::export_cancel,
            export::copy_messages,
            keeping::keeping,
            keeping::keeping_forecast,
            keeping::set_keeping,
            listeners::listener_rows,
            listeners::set_port,
            listeners::add_listener,
            listeners::change_listener,
            listeners::remove_listener,
            security::own_certificate,
            security::account_rows,
            security::set_account_password,
            security::set_account_disabled,
            security::remove_account,
            imports::choose_file,
            imports::import_accounts,
            security::rule_rows,
            security::rule_impact,
            security::change_rules,
            security::test_rule,
            security::denial_rows,
            bans::ban_rows,
            bans::ban_impact,
            bans::ban,
            bans::lift_ban,
            logs::set_log_level,
            logs::open_data_directory,
            retained::retained_rows,
            retained::retained_message,
            retained::count_retained,
            retained::clear_retained,
            retained::set_retained,
            retained::past_open,
            retained::past_rows,
            retained::cleared_rows,
            retained::past_close,
            retained::retained_changes,
            retained::restore_retained,
            retained::restore_cleared,
            publish::publisher_connect,
            publish::publisher_disconnect,
            publish::publisher_subscribe,
            publish::publisher_unsubscribe,
            publish::publisher_publish,
        ])
        .setup(move |app| {
            let engine = managed;
            let theme = preferences::load(engine.data_directory()).theme;
            stop_on_signals(app.handle().clone())?;
            tauri::async_runtime::spawn(async move { engine.start().await });
            open(app, theme)?;
            Ok(())
        });
    // A display that is named but not there makes the windowing library panic.
    let silent = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let built = panic::catch_unwind(AssertUnwindSafe(|| builder.build(tauri::generate_context!())));
    panic::set_hook(silent);
    match built {
        Ok(Ok(app)) => Ok(app),
        Ok(Err(error)) => Err(format!("the window can't be opened ({error})")),
        Err(_) => {
            let display = std::env::var("WAYLAND_DISPLAY").or_else(|_| std::env::var("DISPLAY")).unwrap_or_default();
            Err(format!("the display {display} can't be reached; `nightjar serve` runs the broker without a window"))
        }
    }
}

fn open(app: &App, theme: Theme) -> tauri::Result<()> {
    let window = WebviewWindowBuilder::new(app, LABEL, WebviewUrl::default())
        .title("Nightjar")
        .inner_size(1280.0, 800.0)
        .min_inner_size(900.0, 560.0)
        .theme(self::theme(theme))
        .on_navigation(is_ours)
        .build()?;
    let is_dark = window.theme().is_ok_and(|theme| theme == tauri::Theme::Dark);
    window.set_background_color(Some(if is_dark { DARK } else { LIGHT }))
}

/// The frame's theme; `None` follows the system.
pub(crate) const fn theme(theme: Theme) -> Option<tauri::Theme> {
    match theme {
        Theme::System => None,
        Theme::Light => Some(tauri::Theme::Light),
        Theme::Dark => Some(tauri::Theme::Dark),
    }
}

/// The page is the only one: a link, or a file that is dropped on the window, leads nowhere.
fn is_ours(url: &Url) -> bool {
    let is_page = url.scheme() == "tauri" || url.host_str() == Some("tauri.localhost");
    is_page || (tauri::is_dev() && url.host_str() == Some("127.0.0.1"))
}

/// Somebody started Nightjar again.
fn raise(app: &AppHandle) {
    let Some(window) = app.get_webview_window(LABEL) else { return };
    let raised = window.unminimize().and_then(|()| window.show()).and_then(|()| window.set_focus());
    if let Err(error) = raised {
        tracing::warn!(%error, "the window stays where it is");
    }
}

/// The way out, which is taken once: nothing ends before everything is committed.
#[derive(Debug, Default)]
struct Closing {
    begun: AtomicBool,
    over: Arc<AtomicBool>,
}

impl Closing {
    fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    fn begin(&self, app: &AppHandle, engine: Arc<Engine>, code: i32) {
        if self.begun.swap(true, Ordering::AcqRel) {
            return;
        }
        let (app, over) = (app.clone(), Arc::clone(&self.over));
        tauri::async_runtime::spawn(async move {
            engine.stop().await;
            over.store(true, Ordering::Release);
            app.exit(code);
        });
    }
}

/// Closes the window when somebody asks the process to stop.
#[cfg(unix)]
fn stop_on_signals(app: AppHandle) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tauri::async_runtime::handle();
    let _inside = runtime.inner().enter();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tauri::async_runtime::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        app.exit(0);
    });
    Ok(())
}

/// Closes the window when somebody asks the process to stop.
#[cfg(not(unix))]
fn stop_on_signals(app: AppHandle) -> std::io::Result<()> {
    tauri::async_runtime::spawn(async move {
        let _ = tokio::signal::ctrl_c().await;
        app.exit(0);
    });
    Ok(())
}
