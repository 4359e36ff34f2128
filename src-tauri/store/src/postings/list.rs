//! A list of ids of one segment as the tables keep it: how far each is above the one before, the first above the segment's
//! start; seven bits a byte, the lowest first, the eighth set on all but a number's last byte.

use super::SEGMENT;

/// Appends a list; the offsets must ascend.
pub(super) fn encode(offsets: impl IntoIterator<Item = u32>, out: &mut Vec<u8>) {
    let mut last = 0;
    for offset in offsets {
        let mut distance = offset - last;
        last = offset;
        while distance >= 0x80 {
            out.push(distance as u8 | 0x80);
            distance >>= 7;
        }
        out.push(distance as u8);
    }
}

/// The offsets of a list, ascending. A damaged list ends early, and none of its offsets is outside of the segment.
pub(super) fn decode(list: &[u8]) -> impl Iterator<Item = i64> + '_ {
    let mut bytes = list.iter();
    let mut last = 0_i64;
    std::iter::from_fn(move || {
        let mut distance = 0_i64;
        for shift in [0, 7, 14] {
            let byte = *bytes.next()?;
            distance |= i64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                last += distance;
                return (last < SEGMENT).then_some(last);
            }
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_come_back_as_they_were() {
        for offsets in [vec![], vec![0], vec![0, 1, 128, 256, SEGMENT as u32 - 1], (0..2_000).collect()] {
            let mut list = Vec::new();
            encode(offsets.iter().copied(), &mut list);
            assert_eq!(decode(&list).collect::<Vec<_>>(), offsets.iter().map(|&at| i64::from(at)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_damaged_list_stays_within_its_segment() {
        for list in [&[0x80][..], &[0xff; 10], &[1, 0xff, 0xff, 0xff], &[0xff, 0xff, 0x7f, 0xff, 0xff, 0x7f]] {
            assert!(decode(list).all(|offset| (0..SEGMENT).contains(&offset)), "{list:?}");
        }
    }
}
