//! `wasi:http/types.fields`

use super::bindings::wasi::http::types::{ErrorCode, HeaderError, Host, HostFields, IoError};
use crate::abi::{self, Core, Layout, Lift, Source, Values};
use crate::http1::field_lines::FieldLines;
use crate::state::State;
use http::header::{self, HeaderName, HeaderValue};
use std::sync::Arc;
use wasmtime::Result;
use wasmtime::component::Resource;

/// The fields of a request or a response.
#[derive(Clone, Debug)]
pub struct Fields(Lines);

#[derive(Clone, Debug)]
enum Lines {
    /// The component may change it.
    Mutable {
        lines: FieldLines,
        /// Roughly what it takes in memory, in bytes.
        size: usize,
    },
    /// The component may read it only.
    Immutable(Arc<FieldLines>),
}

impl Fields {
    /// Fields that the component may read only.
    pub(crate) fn immutable(lines: Arc<FieldLines>) -> Self {
        Self(Lines::Immutable(lines))
    }

    fn mutable() -> Self {
        Self(Lines::Mutable {
            lines: FieldLines::new(),
            size: 0,
        })
    }

    fn lines(&self) -> &FieldLines {
        match &self.0 {
            Lines::Mutable { lines, .. } => lines,
            Lines::Immutable(lines) => lines,
        }
    }

    /// The fields as lines of their own, of what a component may set.
    pub(crate) fn into_lines(self) -> FieldLines {
        match self.0 {
            Lines::Mutable { lines, .. } => lines,
            Lines::Immutable(_) => self.visible_lines(),
        }
    }

    /// What the component may see: all but what belongs to the connection.
    fn visible(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        self.lines().iter().filter(|(name, _)| !is_forbidden(name))
    }

    fn visible_lines(&self) -> FieldLines {
        self.visible()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    /// The lines to change, and their size.
    fn change(&mut self) -> Result<(&mut FieldLines, &mut usize), HeaderError> {
        match &mut self.0 {
            Lines::Mutable { lines, size } => Ok((lines, size)),
            Lines::Immutable(_) => Err(HeaderError::Immutable),
        }
    }

    fn append(
        &mut self,
        name: HeaderName,
        value: HeaderValue,
        limit: usize,
    ) -> Result<(), HeaderError> {
        let (lines, total) = self.change()?;
        // Two lengths would leave it to each reader which one counts.
        if name == header::CONTENT_LENGTH && lines.contain(&name) {
            return Err(HeaderError::InvalidSyntax);
        }
        let size = *total + size(&name, &value);
        if size > limit {
            return Err(HeaderError::Forbidden);
        }
        lines.push(name, value);
        *total = size;
        Ok(())
    }

    fn remove(&mut self, name: &HeaderName) -> Result<(), HeaderError> {
        let (lines, total) = self.change()?;
        let removed: usize = lines.values(name).map(|value| size(name, value)).sum();
        lines.remove(name);
        *total -= removed;
        Ok(())
    }

    /// Puts `values` in the place of what the field has: all of them, or none and it keeps what it has.
    fn replace(
        &mut self,
        name: &HeaderName,
        values: Vec<HeaderValue>,
        limit: usize,
    ) -> Result<(), HeaderError> {
        let mut replaced = self.clone();
        replaced.remove(name)?;
        for value in values {
            replaced.append(name.clone(), value, limit)?;
        }
        *self = replaced;
        Ok(())
    }
}

/// What `fields.from-list` is called with, as far as each is a field.
pub(super) struct Entries(Result<Vec<(HeaderName, HeaderValue)>, HeaderError>);

impl Entries {
    const fn new() -> Self {
        Self(Ok(Vec::new()))
    }

    fn add(&mut self, name: &str, value: &[u8]) {
        let Ok(entries) = &mut self.0 else { return };
        let entry = parse_name(name).and_then(|name| Ok((parse_value(&name, value)?, name)));
        match entry {
            Ok((value, name)) => entries.push((name, value)),
            Err(error) => self.0 = Err(error),
        }
    }
}

/// As a list of names and values, of which none is copied before it is a field.
impl Layout for Entries {
    const SIZE: usize = <Vec<(String, Vec<u8>)> as Layout>::SIZE;
    const ALIGN: usize = <Vec<(String, Vec<u8>)> as Layout>::ALIGN;
    const FLAT: usize = <Vec<(String, Vec<u8>)> as Layout>::FLAT;
    const ALLOCATES: bool = <Vec<(String, Vec<u8>)> as Layout>::ALLOCATES;

    fn flatten(core: &mut Vec<Core>) {
        Vec::<(String, Vec<u8>)>::flatten(core);
    }
}

impl Lift for Entries {
    fn lift(values: &mut Values<'_>, source: &mut Source<'_>) -> Result<Self> {
        let mut entries = Self::new();
        let (at, count) = (values.next_u32()?, values.next_u32()?);
        abi::each_entry(at, count, source, |name, value| entries.add(name, value))?;
        Ok(entries)
    }

    fn load(at: usize, source: &mut Source<'_>) -> Result<Self> {
        let (at, count) = (u32::load(at, source)?, u32::load(at + 4, source)?);
        Self::lift(&mut Values(&[at.into(), count.into()]), source)
    }
}

/// What a field takes in memory, the structures around it included: an empty one costs something too.
fn size(name: &HeaderName, value: &HeaderValue) -> usize {
    name.as_str().len() + value.len() + size_of::<HeaderName>() + size_of::<HeaderValue>()
}

/// The fields that belong to the connection, and so to the host (RFC 9110 7.6.1). A component sees
/// the host of a request as its authority.
fn is_forbidden(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection"
            | "host"
            | "http2-settings"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "proxy-connection"
            | "transfer-encoding"
            | "upgrade"
    )
}

fn parse_name(name: &str) -> Result<HeaderName, HeaderError> {
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| HeaderError::InvalidSyntax)?;
    if is_forbidden(&name) {
        Err(HeaderError::Forbidden)
    } else {
        Ok(name)
    }
}

fn parse_value(name: &HeaderName, value: &[u8]) -> Result<HeaderValue, HeaderError> {
    let is_digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    if *name == header::CONTENT_LENGTH && !is_digits {
        return Err(HeaderError::InvalidSyntax);
    }
    HeaderValue::from_bytes(value).map_err(|_| HeaderError::InvalidSyntax)
}

impl Host for State {
    fn http_error_code(&mut self, error: Resource<IoError>) -> Result<Option<ErrorCode>> {
        Ok(self.table.get(&error)?.downcast_ref().cloned())
    }
}

impl State {
    /// `fields.from-list`
    pub(super) fn fields_of(
        &mut self,
        Entries(entries): Entries,
    ) -> Result<Result<Resource<Fields>, HeaderError>> {
        let limit = self.template.limits.field_size;
        let fields = entries.and_then(|entries| {
            let mut fields = Fields::mutable();
            for (name, value) in entries {
                fields.append(name, value, limit)?;
            }
            Ok(fields)
        });
        Ok(match fields {
            Ok(fields) => Ok(self.table.push(fields)?),
            Err(error) => Err(error),
        })
    }
}

impl HostFields for State {
    fn new(&mut self) -> Result<Resource<Fields>> {
        Ok(self.table.push(Fields::mutable())?)
    }

    fn from_list(
        &mut self,
        list: Vec<(String, Vec<u8>)>,
    ) -> Result<Result<Resource<Fields>, HeaderError>> {
        let mut entries = Entries::new();
        for (name, value) in list {
            entries.add(&name, &value);
        }
        self.fields_of(entries)
    }

    fn get(&mut self, fields: Resource<Fields>, name: String) -> Result<Vec<Vec<u8>>> {
        let fields = self.table.get(&fields)?;
        let Ok(name) = parse_name(&name) else {
            return Ok(Vec::new());
        };
        let values = fields.lines().values(&name);
        Ok(values.map(|value| value.as_bytes().to_vec()).collect())
    }

    fn has(&mut self, fields: Resource<Fields>, name: String) -> Result<bool> {
        let fields = self.table.get(&fields)?;
        Ok(parse_name(&name).is_ok_and(|name| fields.lines().contain(&name)))
    }

    fn set(
        &mut self,
        fields: Resource<Fields>,
        name: String,
        values: Vec<Vec<u8>>,
    ) -> Result<Result<(), HeaderError>> {
        let limit = self.template.limits.field_size;
        let fields = self.table.get_mut(&fields)?;
        Ok((|| {
            let name = parse_name(&name)?;
            let values = values
                .into_iter()
                .map(|value| parse_value(&name, &value))
                .collect::<Result<Vec<_>, _>>()?;
            fields.replace(&name, values, limit)
        })())
    }

    fn delete(
        &mut self,
        fields: Resource<Fields>,
        name: String,
    ) -> Result<Result<(), HeaderError>> {
        let fields = self.table.get_mut(&fields)?;
        Ok(parse_name(&name).and_then(|name| fields.remove(&name)))
    }

    fn append(
        &mut self,
        fields: Resource<Fields>,
        name: String,
        value: Vec<u8>,
    ) -> Result<Result<(), HeaderError>> {
        let limit = self.template.limits.field_size;
        let fields = self.table.get_mut(&fields)?;
        Ok((|| {
            let name = parse_name(&name)?;
            let value = parse_value(&name, &value)?;
            fields.append(name, value, limit)
        })())
    }

    fn entries(&mut self, fields: Resource<Fields>) -> Result<Vec<(String, Vec<u8>)>> {
        let fields = self.table.get(&fields)?;
        Ok(fields
            .visible()
            .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
            .collect())
    }

    fn clone(&mut self, fields: Resource<Fields>) -> Result<Resource<Fields>> {
        let fields = self.table.get(&fields)?;
        let copy = Lines::Mutable {
            size: fields
                .visible()
                .map(|(name, value)| size(name, value))
                .sum(),
            lines: fields.visible_lines(),
        };
        Ok(self.table.push(Fields(copy))?)
    }

    fn drop(&mut self, fields: Resource<Fields>) -> Result<()> {
        self.table.delete(fields)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn append(
        fields: &mut Fields,
        name: &str,
        value: &str,
        limit: usize,
    ) -> Result<(), HeaderError> {
        let name = parse_name(name)?;
        let value = parse_value(&name, value.as_bytes())?;
        fields.append(name, value, limit)
    }

    fn size_of_all(fields: &mut Fields) -> usize {
        *fields.change().unwrap().1
    }

    #[test]
    fn what_a_component_may_not_set() {
        let mut fields = Fields::mutable();
        for (name, value, expected) in [
            ("x-a", "1", Ok(())),
            ("x-a", "2", Ok(())),
            ("X-B", "", Ok(())),
            ("content-length", "5", Ok(())),
            ("content-length", "5", Err(HeaderError::InvalidSyntax)),
            ("Host", "x", Err(HeaderError::Forbidden)),
            ("connection", "close", Err(HeaderError::Forbidden)),
            ("Transfer-Encoding", "chunked", Err(HeaderError::Forbidden)),
            ("", "1", Err(HeaderError::InvalidSyntax)),
            ("x a", "1", Err(HeaderError::InvalidSyntax)),
            ("x-a", "1\r\nx-b: 2", Err(HeaderError::InvalidSyntax)),
            ("x-a", "\0", Err(HeaderError::InvalidSyntax)),
        ] {
            let appended = append(&mut fields, name, value, 10_000);
            assert_eq!(
                format!("{appended:?}"),
                format!("{expected:?}"),
                "{name}: {value}"
            );
        }
        for value in ["", "+5", "-5", " 5", "5a"] {
            assert!(
                append(&mut Fields::mutable(), "content-length", value, 10_000).is_err(),
                "{value}"
            );
        }
        let mut sealed = Fields::immutable(Arc::new(fields.into_lines()));
        assert!(matches!(
            append(&mut sealed, "x-c", "1", 10_000),
            Err(HeaderError::Immutable)
        ));
    }

    #[test]
    fn fields_are_limited_in_size_and_removing_makes_room() {
        let mut fields = Fields::mutable();
        let many = (0..)
            .take_while(|_| append(&mut fields, "x-a", "", 10_000).is_ok())
            .count();
        assert!((10..1000).contains(&many), "{many}");
        fields.remove(&HeaderName::from_static("x-a")).unwrap();
        assert_eq!(size_of_all(&mut fields), 0);
        append(&mut fields, "x-a", "", 10_000).unwrap();
    }

    #[test]
    fn what_can_t_be_set_leaves_the_field_as_it_was() {
        let mut fields = Fields::mutable();
        append(&mut fields, "x-a", "old", 10_000).unwrap();
        let name = HeaderName::from_static("x-a");
        let new = HeaderValue::from_static("new");
        let size = size_of_all(&mut fields);
        let refused = fields.replace(&name, vec![new.clone(); 1000], 10_000);
        assert!(matches!(refused, Err(HeaderError::Forbidden)));
        assert_eq!(fields.lines().first(&name).unwrap(), "old");
        assert_eq!(size_of_all(&mut fields), size);
        fields.replace(&name, vec![new; 2], 10_000).unwrap();
        assert_eq!(fields.lines().values(&name).collect::<Vec<_>>(), ["new"; 2]);
        assert_eq!(size_of_all(&mut fields), 2 * size);
    }

    #[test]
    fn the_connection_s_fields_are_hidden() {
        let lines: FieldLines = [
            (header::HOST, "x"),
            (header::CONNECTION, "close"),
            (header::ACCEPT, "*/*"),
        ]
        .into_iter()
        .map(|(name, value)| (name, HeaderValue::from_static(value)))
        .collect();
        let fields = Fields::immutable(Arc::new(lines));
        assert_eq!(
            fields
                .visible()
                .map(|(name, _)| name.as_str())
                .collect::<Vec<_>>(),
            ["accept"]
        );
        // Nor do they become those of a response, which may be made of a request's.
        assert_eq!(
            fields
                .into_lines()
                .iter()
                .map(|it| it.0)
                .collect::<Vec<_>>(),
            ["accept"]
        );
    }
}
