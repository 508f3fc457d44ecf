//! Which representation of a file a request gets: by Accept-Encoding, and by Range.

use super::FileOf;
use crate::directory::{Directory, File, Kind, Metadata};
use crate::exchange::{Exchange, Settings};
use crate::field::Fields;
use crate::field::accept_encoding::{AcceptEncoding, Coding};
use crate::field::range::{RangeSet, Selection, if_range_holds};
use crate::media_type;
use crate::path::FilePath;
use crate::rejection::Rejection;
use crate::representation::Representation;

/// Content shorter than this gains nothing from a content coding.
const LEAST_COMPRESSED: u64 = 1024;

/// The representation of a file that is selected for a request (RFC 9110 3.2).
pub(super) struct Selected<F> {
    pub(super) file: F,
    pub(super) representation: Representation,
    /// The coding of the representation.
    pub(super) coding: Coding,
    /// The file's content is not in that coding yet: it is coded while it is sent.
    pub(super) on_the_fly: bool,
}

impl<F> Selected<F> {
    /// The representation that a range is of.
    fn representation_in_parts(&self) -> Representation {
        let mut representation = self.representation.clone();
        if let (true, Some(name)) = (self.on_the_fly, self.coding.name()) {
            representation.entity_tag = representation.entity_tag.uncoded(name);
        }
        representation
    }
}

/// Selects by Accept-Encoding: a precompressed sibling if there is one, else the file, which is
/// coded on the fly if that is worth it or the client takes nothing else.
pub(super) fn select<X: Exchange>(
    exchange: &X,
    directory: &X::Directory,
    path: &FilePath,
    media_type: &str,
    settings: Settings,
) -> Result<Selected<FileOf<X>>, Rejection> {
    let now = exchange.now();
    let file = directory.open(path.as_str())?;
    let representation = Representation::of(&file, now)?;
    let accept = AcceptEncoding::parse(exchange.fields());
    let mut available = Vec::with_capacity(4);
    if settings.precompressed {
        let modified = file.metadata()?.modified;
        for coding in [Coding::Brotli, Coding::Zstd, Coding::Gzip] {
            let current =
                |metadata: Metadata| metadata.kind == Kind::File && metadata.modified >= modified;
            if accept.accepts(coding)
                && directory
                    .metadata(&sibling(path, coding))
                    .is_ok_and(current)
            {
                available.push(coding);
            }
        }
    }
    let precompressed = available.len();
    let worth_it =
        representation.length >= LEAST_COMPRESSED && media_type::is_compressible(media_type);
    if worth_it || !accept.accepts(Coding::Identity) {
        available.push(Coding::Gzip);
    }
    available.push(Coding::Identity);

    let coding = accept
        .negotiate(&available)
        .ok_or(Rejection::NotAcceptable)?;
    let Some(name) = coding.name() else {
        return Ok(Selected {
            file,
            representation,
            coding,
            on_the_fly: false,
        });
    };
    if available[..precompressed].contains(&coding) {
        let file = directory.open(&sibling(path, coding))?;
        let representation = Representation::of(&file, now)?;
        return Ok(Selected {
            file,
            representation,
            coding,
            on_the_fly: false,
        });
    }
    let entity_tag = representation.entity_tag.coded(name);
    Ok(Selected {
        file,
        representation: Representation {
            entity_tag,
            ..representation
        },
        coding,
        on_the_fly: true,
    })
}

/// What the ranges select, evaluated last (RFC 9110 14.2). Where the file would be coded on the fly,
/// they are of the file itself, since nobody knows the length of the other; a client that takes
/// only that gets it whole.
pub(super) fn in_parts<F>(
    selected: Selected<F>,
    ranges: &RangeSet,
    fields: &Fields,
) -> (Selected<F>, Selection) {
    let has_parts = !selected.on_the_fly || AcceptEncoding::parse(fields).accepts(Coding::Identity);
    let in_parts = selected.representation_in_parts();
    let selection = if has_parts && if_range_holds(fields, &in_parts) {
        ranges.resolve(in_parts.length)
    } else {
        Selection::Whole
    };
    if selection == Selection::Whole || !selected.on_the_fly {
        return (selected, selection);
    }
    let selected = Selected {
        representation: in_parts,
        coding: Coding::Identity,
        on_the_fly: false,
        ..selected
    };
    (selected, selection)
}

fn sibling(path: &FilePath, coding: Coding) -> String {
    let extension = match coding {
        Coding::Identity => "",
        Coding::Gzip => ".gz",
        Coding::Zstd => ".zst",
        Coding::Brotli => ".br",
    };
    format!("{}{extension}", path.as_str())
}
