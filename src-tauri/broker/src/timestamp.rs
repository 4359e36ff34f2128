/// A moment of the wall clock: microseconds since 1970-01-01 UTC. For records, never for deadlines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(i64);

impl Timestamp {
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970-01-01 UTC.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whole seconds from `earlier` to this moment; 0 where the clock went back.
    pub const fn seconds_since(self, earlier: Self) -> u32 {
        let seconds = self.0.saturating_sub(earlier.0) / 1_000_000;
        if seconds < 0 {
            0
        } else if seconds > u32::MAX as i64 {
            u32::MAX
        } else {
            seconds as u32
        }
    }
}
