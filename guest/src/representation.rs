//! What is known of a representation before its content is: built once, from metadata.

use crate::directory::{Error, File, Kind, Metadata};
use crate::field::entity_tag::EntityTag;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The selected representation of a file (RFC 9110 3.2): its length and validators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Representation {
    /// The length of the content in bytes.
    pub length: u64,
    /// When the content last changed, to the second, and never in the future (RFC 9110 8.8.2.1).
    pub last_modified: Option<SystemTime>,
    /// A strong validator: it changes whenever the content can have.
    pub entity_tag: EntityTag,
}

impl Representation {
    /// Describes an open file, at the time `now`.
    ///
    /// The entity tag is made of the modification time in nanoseconds, which a rewrite in place
    /// changes, the length, and the identity of the file, which publishing another changes.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if it is no regular file: one was there when its name was looked up, and something
    /// else when it was opened. Else as the file system says.
    pub fn of(file: &impl File, now: SystemTime) -> Result<Self, Error> {
        let metadata = file.metadata()?;
        if metadata.kind != Kind::File {
            return Err(Error::NotFound);
        }
        Ok(Self::new(metadata, file.identity()?, now))
    }

    /// What is there and has neither validator: a directory. Of all entity tags only `*` matches it.
    #[must_use]
    pub fn without_validators() -> Self {
        Self {
            length: 0,
            last_modified: None,
            entity_tag: EntityTag::unmatched(),
        }
    }

    fn new(
        Metadata {
            length, modified, ..
        }: Metadata,
        identity: u64,
        now: SystemTime,
    ) -> Self {
        let age = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        // Enough until the year 2554.
        let nanoseconds = age.map_or(0, |age| age.as_nanos() as u64);
        Self {
            length,
            last_modified: modified.map(|time| whole_seconds(time.min(now))),
            entity_tag: EntityTag::strong(opaque_tag([nanoseconds, length, identity])),
        }
    }
}

/// Numbers in hexadecimal digits, with a hyphen between them. To format them takes six times as many
/// instructions, which is a tenth of what the component needs for a small file.
fn opaque_tag(numbers: [u64; 3]) -> String {
    let mut tag = String::with_capacity(3 * 17);
    for number in numbers {
        if !tag.is_empty() {
            tag.push('-');
        }
        let digits = 16 - (number | 1).leading_zeros() / 4;
        let digits = (0..digits).rev().map(|digit| number >> (4 * digit) & 15);
        tag.extend(digits.map(|digit| char::from(b"0123456789abcdef"[digit as usize])));
    }
    tag
}

fn whole_seconds(time: SystemTime) -> SystemTime {
    time.duration_since(UNIX_EPOCH).map_or(UNIX_EPOCH, |age| {
        UNIX_EPOCH + Duration::from_secs(age.as_secs())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn representation(nanoseconds: u64, length: u64, identity: u64) -> Representation {
        let modified = Some(UNIX_EPOCH + Duration::from_nanos(nanoseconds));
        let now = UNIX_EPOCH + Duration::from_secs(100);
        Representation::new(
            Metadata {
                kind: Kind::File,
                length,
                modified,
            },
            identity,
            now,
        )
    }

    #[test]
    fn the_entity_tag_changes_with_each_of_its_parts() {
        let tag = |nanoseconds, length, identity| {
            representation(nanoseconds, length, identity).entity_tag
        };
        assert_eq!(tag(1, 2, 3), tag(1, 2, 3));
        // A rewrite of the same length, within the same second.
        assert_ne!(tag(1, 2, 3), tag(2, 2, 3));
        assert_ne!(tag(1, 2, 3), tag(1, 3, 3));
        assert_ne!(tag(1, 2, 3), tag(1, 2, 4));
    }

    #[test]
    fn a_tag_is_of_hexadecimal_digits() {
        for numbers in [[0, 1, 0xf], [0x10, u64::MAX, 1 << 63], [0x0a0, 7, 256]] {
            let [first, second, third] = numbers;
            assert_eq!(
                opaque_tag(numbers),
                format!("{first:x}-{second:x}-{third:x}")
            );
        }
    }

    struct Opened(Kind);

    impl File for Opened {
        fn metadata(&self) -> Result<Metadata, Error> {
            Ok(Metadata {
                kind: self.0,
                length: 4096,
                modified: None,
            })
        }
        fn identity(&self) -> Result<u64, Error> {
            Ok(1)
        }
        fn read(&self, _: u64, _: u64) -> Result<Vec<u8>, Error> {
            Err(Error::IsDirectory)
        }
        fn sync(&self) -> Result<(), Error> {
            Ok(())
        }
    }

    /// http.md: only regular files are served, whatever their names were a moment before.
    #[test]
    fn a_directory_is_not_described() {
        let describe = |kind| Representation::of(&Opened(kind), UNIX_EPOCH).map(|it| it.length);
        assert_eq!(describe(Kind::File), Ok(4096));
        assert_eq!(describe(Kind::Directory), Err(Error::NotFound));
    }

    #[test]
    fn last_modified_is_in_whole_seconds_and_never_in_the_future() {
        let last_modified = |nanoseconds| representation(nanoseconds, 0, 0).last_modified;
        assert_eq!(
            last_modified(1_999_999_999),
            Some(UNIX_EPOCH + Duration::from_secs(1))
        );
        assert_eq!(
            last_modified(200_000_000_000),
            Some(UNIX_EPOCH + Duration::from_secs(100))
        );
    }
}
