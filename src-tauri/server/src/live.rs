//! What runs, and the settings that it runs by: these can be others at any time, all at once or not at all.

use std::path::PathBuf;
use std::sync::Arc;

use nightjar_broker::{Access, Broker, Scheme};
use nightjar_store::{Keeping, Store};
use parking_lot::{Mutex, RwLock};
use tokio::task::spawn_blocking;
use toml_edit::DocumentMut;

use crate::listener_plan::{Overrides, Wanted, plan};
use crate::listeners::{Failure, Listeners};
use crate::{
    ListenerEdit, ListenerSource, LogSettings, Settings, SettingsError, SettingsFile, StartError, listener_edit,
};

/// A broker, its journal and its listeners.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) broker: Broker,
    pub(crate) store: Arc<Store>,
    pub(crate) listeners: Arc<Listeners>,
    pub(crate) data_directory: PathBuf,
    pub(crate) file: SettingsFile,
    pub(crate) overrides: Overrides,
    /// Those that hold.
    pub(crate) settings: RwLock<Arc<Settings>>,
    /// One change at a time.
    pub(crate) changing: tokio::sync::Mutex<()>,
    /// The same for what is kept, so that the file says what holds.
    pub(crate) keeping: Mutex<()>,
}

/// A setting that is another than before, and when that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangedSetting {
    /// As the file writes it.
    pub name: &'static str,
    pub effect: Effect,
}

/// When a changed setting counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Now,
    /// Those who are connected keep what they came on.
    NewConnections,
    /// Not before the program starts again.
    NextStart,
    /// Not as long as the command line says where to listen.
    Overridden,
}

impl Effect {
    const fn words(self) -> &'static str {
        match self {
            Self::Now => "in effect",
            Self::NewConnections => "in effect for new connections",
            Self::NextStart => "in effect once Nightjar starts again",
            Self::Overridden => "without effect, because --listen has the place of such listeners",
        }
    }
}

impl Live {
    pub(crate) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read())
    }

    fn plan(&self, settings: &Settings) -> Vec<Wanted> {
        plan(settings, &self.overrides, &self.data_directory)
    }

    /// Reads the settings file again and puts in force what is another than before.
    ///
    /// # Errors
    /// Where the file, or a certificate that it names, can't be used: everything is as it was then.
    pub(crate) async fn reload(&self) -> Result<Vec<ChangedSetting>, StartError> {
        let _one_at_a_time = self.changing.lock().await;
        let file = self.file.clone();
        let mut wanted = blocking(move || file.load()).await?;
        self.overrides.apply(&mut wanted);
        let before = self.settings();
        if *before == wanted {
            return Ok(Vec::new());
        }
        let prepared = self.listeners.prepare(self.plan(&wanted)).await?;
        let changed = differences(&before, &wanted, &self.overrides);
        if before.terms.limits != wanted.terms.limits {
            self.broker.set_limits(wanted.terms.limits.clone());
        }
        if before.access != wanted.access {
            self.broker.set_access(wanted.access);
        }
        for Failure { error, .. } in self.listeners.apply(prepared).await {
            tracing::warn!("{error}. It is tried again every two seconds");
        }
        if before.history.keeping != wanted.history.keeping {
            self.store.set_keeping(wanted.history.keeping.clone());
        }
        *self.settings.write() = Arc::new(wanted);
        for ChangedSetting { name, effect } in &changed {
            tracing::info!("{name} in {} was changed: {}", self.file.path().display(), effect.words());
        }
        Ok(changed)
    }

    /// Changes who may connect, and remembers it.
    ///
    /// # Errors
    /// Where the new addresses can't be had; everything is then as it was. Where it can't be remembered; it is then in
    /// effect all the same.
    pub(crate) async fn set_access(&self, access: Access) -> Result<(), StartError> {
        let _one_at_a_time = self.changing.lock().await;
        let wanted = Settings { access, ..(*self.settings()).clone() };
        self.put(wanted, |failure| failure.is_required).await?;
        self.broker.set_access(access);
        // Not on a thread of the connections: those that have to go now would wait for the disk with it.
        let file = self.file.clone();
        Ok(blocking(move || Settings::remember_access(&file, access)).await?)
    }

    /// Keeps to other rules, and remembers them. Blocks on the disk.
    pub(crate) fn set_keeping(&self, keeping: Keeping) -> Result<(), SettingsError> {
        let _one_at_a_time = self.keeping.lock();
        let remembered = Settings::remember_keeping(&self.file, &keeping);
        if matches!(remembered, Ok(()) | Err(SettingsError::Unwritable { .. })) {
            Arc::make_mut(&mut self.settings.write()).history.keeping = keeping.clone();
            self.store.set_keeping(keeping);
        }
        remembered
    }

    pub(crate) async fn set_port(&self, port: u16) -> Result<(), StartError> {
        let _one_at_a_time = self.changing.lock().await;
        if self.overrides.port.is_some() {
            let problem = "the command line says --port, which comes before the settings: start Nightjar without it";
            return Err(SettingsError::Refused { problem: problem.to_owned() }.into());
        }
        let before = self.settings();
        let wanted = Settings { port: Some(port), ..(*before).clone() };
        self.put(wanted, |failure| failure.source == ListenerSource::Port).await?;
        let file = self.file.clone();
        let written = blocking(move || Settings::remember_port(&file, port)).await;
        if let Err(error) = written {
            // What is not remembered is not in effect either.
            self.put((*before).clone(), |_| false).await?;
            return Err(error.into());
        }
        Ok(())
    }

    pub(crate) async fn add_listener(&self, wanted: ListenerEdit) -> Result<(), StartError> {
        let place = self.settings().listeners.len();
        let meant = wanted.clone();
        self.edit(
            Some(place),
            None,
            move |document, _| listener_edit::add(document, &wanted),
            move |after| after.listeners.get(place).map(ListenerEdit::of) == Some(meant.clone()),
        )
        .await
    }

    pub(crate) async fn change_listener(&self, place: usize, wanted: ListenerEdit) -> Result<(), StartError> {
        let meant = wanted.clone();
        self.edit(
            Some(place),
            Some(place),
            move |document, before| {
                if let Some(before) = before.listeners.get(place) {
                    listener_edit::change(document, place, &ListenerEdit::of(before), &wanted);
                }
            },
            move |after| after.listeners.get(place).map(ListenerEdit::of) == Some(meant.clone()),
        )
        .await
    }

    pub(crate) async fn remove_listener(&self, place: usize) -> Result<(), StartError> {
        let left = self.settings().listeners.len().saturating_sub(1);
        self.edit(
            None,
            Some(place),
            move |document, _| listener_edit::remove(document, place),
            move |after| after.listeners.len() == left,
        )
        .await
    }

    /// Changes the listeners in the file: tries what it would say, and where that works, writes it. `place` is that of the
    /// listener which then has to be there, `existing` of the one that has to be there before.
    async fn edit(
        &self,
        place: Option<usize>,
        existing: Option<usize>,
        change: impl Fn(&mut DocumentMut, &Settings) + Clone + Send + 'static,
        is_meant: impl Fn(&Settings) -> bool + Send + 'static,
    ) -> Result<(), StartError> {
        let _one_at_a_time = self.changing.lock().await;
        let before = self.settings();
        let (file, preview) = (self.file.clone(), change.clone());
        let changed = blocking(move || {
            let now = file.load()?;
            let then = file.preview(preview)?;
            Ok::<_, SettingsError>((now, then))
        });
        let (now, then) = changed.await?;
        if existing.is_some_and(|place| place >= now.listeners.len()) {
            let problem = "there is no such listener in the settings: look at them, and try again";
            return Err(SettingsError::Refused { problem: problem.to_owned() }.into());
        }
        if now.listeners != before.listeners {
            let problem = "the listeners in the settings file were just changed: look at them, and try again";
            return Err(SettingsError::Refused { problem: problem.to_owned() }.into());
        }
        let wanted = Settings { listeners: then.listeners, ..(*before).clone() };
        self.put(wanted, |failure| place.is_some_and(|place| failure.source == ListenerSource::Table(place))).await?;
        let file = self.file.clone();
        let written = blocking(move || file.change(change, is_meant)).await;
        if let Err(error) = written {
            // What is not remembered is not in effect either.
            self.put((*before).clone(), |_| false).await?;
            return Err(error.into());
        }
        Ok(())
    }

    /// Puts the listeners of other settings in force, and these settings; where one fails that must not, all is as it was.
    async fn put(&self, wanted: Settings, must_not: impl Fn(&Failure) -> bool) -> Result<(), StartError> {
        let prepared = self.listeners.prepare(self.plan(&wanted)).await?;
        let failures = self.listeners.apply(prepared).await;
        if let Some(Failure { error, .. }) = failures.into_iter().find(must_not) {
            let before = self.listeners.prepare(self.plan(&self.settings())).await?;
            for Failure { error, .. } in self.listeners.apply(before).await {
                tracing::warn!("{error}. It is tried again every two seconds");
            }
            return Err(error);
        }
        *self.settings.write() = Arc::new(wanted);
        Ok(())
    }
}

/// What is another than before. How the window looks is the window's own.
fn differences(before: &Settings, wanted: &Settings, overrides: &Overrides) -> Vec<ChangedSetting> {
    use Effect::{NewConnections, NextStart, Now, Overridden};
    let in_force = |settings: &Settings| {
        let listeners = settings.listeners.iter().filter(|listener| !overrides.replaces(listener.kind));
        listeners.cloned().collect::<Vec<_>>()
    };
    let certificate = before.certificate != wanted.certificate;
    let listeners = before.listeners != wanted.listeners || certificate;
    let listening = if certificate || in_force(before) != in_force(wanted) { NewConnections } else { Overridden };
    let port = if overrides.replaces(Scheme::Tcp) { Overridden } else { Now };
    // Its level is changed by who changes the file, where that can be.
    let log = LogSettings { level: wanted.log.level, ..before.log } != wanted.log;
    let changed = [
        ("access", before.access != wanted.access, Now),
        ("port", before.port != wanted.port, port),
        ("discovery", before.discovery != wanted.discovery, Now),
        ("durability", before.durability != wanted.durability, NextStart),
        ("[tls]", certificate, NewConnections),
        ("[limits]", before.terms != wanted.terms, NewConnections),
        ("[[listener]]", listeners, listening),
        ("[history]", before.history.keeping != wanted.history.keeping, Now),
        ("on-overload", before.history.on_overload != wanted.history.on_overload, NextStart),
        ("[log]", log, NextStart),
    ];
    let changed = changed.into_iter().filter(|(_, is_another, _)| *is_another);
    changed.map(|(name, _, effect)| ChangedSetting { name, effect }).collect()
}

/// Does what blocks on the disk elsewhere.
async fn blocking<T: Send + 'static>(task: impl FnOnce() -> T + Send + 'static) -> T {
    match spawn_blocking(task).await {
        Ok(done) => done,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}
