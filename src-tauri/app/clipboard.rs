//! The clipboard. The page may not touch it by itself: WebKitGTK allows that only right after a key or a click.

use arboard::Clipboard as System;
use parking_lot::Mutex;

/// Holds on to the clipboard: on X11, what was copied is gone with whoever copied it.
#[derive(Default)]
pub struct Clipboard {
    system: Mutex<Option<System>>,
}

impl Clipboard {
    /// Copies; may block on the display for a moment.
    ///
    /// # Errors
    /// Where there is no clipboard, or another program holds it.
    pub fn copy(&self, text: String) -> Result<(), arboard::Error> {
        let mut held = self.system.lock();
        let system = match &mut *held {
            Some(system) => system,
            none => none.insert(System::new()?),
        };
        system.set_text(text)
    }
}

impl std::fmt::Debug for Clipboard {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Clipboard").finish_non_exhaustive()
    }
}
