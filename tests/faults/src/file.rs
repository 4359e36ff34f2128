//! A file as SQLite sees it: the layer's own part, then the file of the layer below.

use std::ffi::{c_int, c_void};
use std::mem::size_of;

use rusqlite::ffi::{self, sqlite3_file, sqlite3_int64, sqlite3_io_methods};

use crate::{Disk, Operation};

/// Where the file of the layer below begins.
pub(crate) const OFFSET: usize = size_of::<Layered>().next_multiple_of(16);

/// What SQLite allocates and this layer fills.
#[repr(C)]
pub(crate) struct Layered {
    base: sqlite3_file,
    part: *mut Part,
}

/// What the layer knows of an open file.
struct Part {
    disk: Option<Disk>,
    /// What writes since the last sync have overwritten, oldest first.
    unsynced: Vec<Before>,
}

/// A place in a file before it was written, and the size that the file had.
struct Before {
    offset: sqlite3_int64,
    bytes: Vec<u8>,
    size: sqlite3_int64,
}

impl Layered {
    /// SAFETY: `layered` has room for it, and the file behind it is open.
    pub(crate) unsafe fn begin(layered: *mut Self, disk: Option<Disk>) {
        let part = Box::into_raw(Box::new(Part { disk, unsynced: Vec::new() }));
        // SAFETY: see above.
        unsafe { layered.write(Self { base: sqlite3_file { pMethods: &raw const METHODS }, part }) };
    }
}

/// SAFETY: `file` is one of this layer, with the file of the layer below behind it.
pub(crate) unsafe fn inner(file: *mut sqlite3_file) -> *mut sqlite3_file {
    // SAFETY: see above.
    unsafe { file.cast::<u8>().add(OFFSET).cast() }
}

/// SAFETY: `file` is an open one of this layer, and no other reference to its part lives.
unsafe fn part<'a>(file: *mut sqlite3_file) -> &'a mut Part {
    // SAFETY: see above; `begin` has set it.
    unsafe { &mut *(*file.cast::<Layered>()).part }
}

/// Calls a method of the file below.
macro_rules! below {
    ($file:ident . $method:ident ( $($argument:expr),* )) => {
        // SAFETY: called by SQLite with an open file of this layer, so that the one below is open, too; the rest is handed
        // on as it came.
        unsafe {
            let inner = inner($file);
            match (*(*inner).pMethods).$method {
                Some(method) => method(inner $(, $argument)*),
                None => ffi::SQLITE_IOERR,
            }
        }
    };
}

static METHODS: sqlite3_io_methods = sqlite3_io_methods {
    // Without what maps a file into memory, which would pass the layer by.
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    let result = below!(file.xClose());
    // SAFETY: `begin` made it, and SQLite closes a file once.
    drop(unsafe { Box::from_raw((*file.cast::<Layered>()).part) });
    result
}

unsafe extern "C" fn read(file: *mut sqlite3_file, to: *mut c_void, amount: c_int, offset: sqlite3_int64) -> c_int {
    // SAFETY: called by SQLite.
    let part = unsafe { part(file) };
    if let Some(Err(failure)) = part.disk.as_ref().map(|disk| disk.meet(Operation::Read)) {
        return failure;
    }
    below!(file.xRead(to, amount, offset))
}

unsafe extern "C" fn write(
    file: *mut sqlite3_file,
    from: *const c_void,
    amount: c_int,
    offset: sqlite3_int64,
) -> c_int {
    // SAFETY: called by SQLite.
    let part = unsafe { part(file) };
    if let Some(disk) = &part.disk {
        if let Err(failure) = disk.meet(Operation::Write) {
            return failure;
        }
        let mut size = 0;
        below!(file.xFileSize(&raw mut size));
        let mut bytes = vec![0; (size - offset).clamp(0, amount.into()) as usize];
        if !bytes.is_empty() {
            below!(file.xRead(bytes.as_mut_ptr().cast(), bytes.len() as c_int, offset));
        }
        part.unsynced.push(Before { offset, bytes, size });
    }
    below!(file.xWrite(from, amount, offset))
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, size: sqlite3_int64) -> c_int {
    // What was written before is not brought back by a sync that fails later: a file that was cut stays cut.
    // SAFETY: called by SQLite.
    unsafe { part(file) }.unsynced.clear();
    below!(file.xTruncate(size))
}

unsafe extern "C" fn sync(file: *mut sqlite3_file, flags: c_int) -> c_int {
    // SAFETY: called by SQLite.
    let part = unsafe { part(file) };
    if let Some(Err(failure)) = part.disk.as_ref().map(|disk| disk.meet(Operation::Sync)) {
        for Before { offset, bytes, size } in part.unsynced.drain(..).rev() {
            if !bytes.is_empty() {
                below!(file.xWrite(bytes.as_ptr().cast(), bytes.len() as c_int, offset));
            }
            below!(file.xTruncate(size));
        }
        return failure;
    }
    part.unsynced.clear();
    below!(file.xSync(flags))
}

unsafe extern "C" fn file_size(file: *mut sqlite3_file, size: *mut sqlite3_int64) -> c_int {
    below!(file.xFileSize(size))
}

unsafe extern "C" fn lock(file: *mut sqlite3_file, level: c_int) -> c_int {
    below!(file.xLock(level))
}

unsafe extern "C" fn unlock(file: *mut sqlite3_file, level: c_int) -> c_int {
    below!(file.xUnlock(level))
}

unsafe extern "C" fn check_reserved_lock(file: *mut sqlite3_file, is_locked: *mut c_int) -> c_int {
    below!(file.xCheckReservedLock(is_locked))
}

unsafe extern "C" fn file_control(file: *mut sqlite3_file, operation: c_int, argument: *mut c_void) -> c_int {
    below!(file.xFileControl(operation, argument))
}

unsafe extern "C" fn sector_size(file: *mut sqlite3_file) -> c_int {
    below!(file.xSectorSize())
}

unsafe extern "C" fn device_characteristics(file: *mut sqlite3_file) -> c_int {
    below!(file.xDeviceCharacteristics())
}

unsafe extern "C" fn shm_map(
    file: *mut sqlite3_file,
    page: c_int,
    size: c_int,
    extend: c_int,
    mapped: *mut *mut c_void,
) -> c_int {
    below!(file.xShmMap(page, size, extend, mapped))
}

unsafe extern "C" fn shm_lock(file: *mut sqlite3_file, offset: c_int, count: c_int, flags: c_int) -> c_int {
    below!(file.xShmLock(offset, count, flags))
}

unsafe extern "C" fn shm_barrier(file: *mut sqlite3_file) {
    // SAFETY: as in `below!`; there is no result.
    unsafe {
        let inner = inner(file);
        if let Some(barrier) = (*(*inner).pMethods).xShmBarrier {
            barrier(inner);
        }
    }
}

unsafe extern "C" fn shm_unmap(file: *mut sqlite3_file, delete: c_int) -> c_int {
    below!(file.xShmUnmap(delete))
}
