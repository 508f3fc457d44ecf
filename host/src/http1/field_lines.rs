//! [`FieldLines`]: the fields of a message, as they stand.

use http::header::{HeaderName, HeaderValue};

/// The field lines of a message, or of its trailers, in order (RFC 9112 5, 7.1.2).
///
/// There are few, and few are looked for: in a list that takes less than to hash each for a map.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FieldLines(Vec<(HeaderName, HeaderValue)>);

impl FieldLines {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn with_capacity(lines: usize) -> Self {
        Self(Vec::with_capacity(lines))
    }

    pub(crate) fn push(&mut self, name: HeaderName, value: HeaderValue) {
        self.0.push((name, value));
    }

    pub(crate) fn remove(&mut self, name: &HeaderName) {
        self.0.retain(|line| line.0 != name);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        self.0.iter().map(|(name, value)| (name, value))
    }

    /// The values of all lines of a field.
    pub(crate) fn values(&self, name: &HeaderName) -> impl Iterator<Item = &HeaderValue> {
        let lines = self.iter().filter(move |line| line.0 == name);
        lines.map(|(_, value)| value)
    }

    /// The value of the first line of a field.
    pub(crate) fn first(&self, name: &HeaderName) -> Option<&HeaderValue> {
        self.values(name).next()
    }

    pub(crate) fn contain(&self, name: &HeaderName) -> bool {
        self.first(name).is_some()
    }
}

impl FromIterator<(HeaderName, HeaderValue)> for FieldLines {
    fn from_iter<T: IntoIterator<Item = (HeaderName, HeaderValue)>>(lines: T) -> Self {
        Self(lines.into_iter().collect())
    }
}
