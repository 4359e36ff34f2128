use std::ffi::{CStr, OsStr, c_char, c_int};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;
use std::sync::Once;
use std::sync::atomic::{AtomicPtr, Ordering};

use rusqlite::ffi::{self, sqlite3_file, sqlite3_filename, sqlite3_vfs};

use crate::Disk;
use crate::file::{self, Layered};

/// SQLite's own layer.
static BELOW: AtomicPtr<sqlite3_vfs> = AtomicPtr::new(ptr::null_mut());

/// Puts the layer in, for the whole process; once is enough.
///
/// # Panics
/// Where SQLite refuses.
pub fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: SQLite gives its default layer, which lives as long as the process. Ours is a copy of it that is leaked,
        // so it does, too; it differs in its name, the room for a file, and how a file is opened.
        let result = unsafe {
            let below = ffi::sqlite3_vfs_find(ptr::null());
            BELOW.store(below, Ordering::Release);
            let mut above = *below;
            above.zName = c"faults".as_ptr();
            above.szOsFile = file::OFFSET as c_int + (*below).szOsFile;
            above.pNext = ptr::null_mut();
            above.xOpen = Some(open);
            ffi::sqlite3_vfs_register(Box::leak(Box::new(above)), 1)
        };
        assert_eq!(result, ffi::SQLITE_OK, "the layer can't be registered");
    });
}

/// SAFETY: called by SQLite, as xOpen of a layer is: `opened` has room for `szOsFile` bytes, `name` is null or a C string.
unsafe extern "C" fn open(
    _above: *mut sqlite3_vfs,
    name: sqlite3_filename,
    opened: *mut sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    let below = BELOW.load(Ordering::Acquire);
    let layered = opened.cast::<Layered>();
    // SAFETY: see above; the layer below writes its file behind ours, where there is room for it.
    unsafe {
        let disk = name_of(name).and_then(|path| Disk::of(Path::new(path)));
        let inner = file::inner(opened);
        (*inner).pMethods = ptr::null();
        let result = (*below).xOpen.map_or(ffi::SQLITE_CANTOPEN, |open| open(below, name, inner, flags, out_flags));
        if result == ffi::SQLITE_OK {
            Layered::begin(layered, disk);
        } else {
            // So that xClose is not called.
            (*opened).pMethods = ptr::null();
        }
        result
    }
}

unsafe fn name_of<'a>(name: *const c_char) -> Option<&'a OsStr> {
    // SAFETY: SQLite gives null or a C string that outlives the file.
    (!name.is_null()).then(|| OsStr::from_bytes(unsafe { CStr::from_ptr(name) }.to_bytes()))
}
