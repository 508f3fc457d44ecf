//! Which representation of a file a request gets, by Accept-Encoding, whole and in parts.

use super::FileOf;
use crate::directory::{Directory, File, Kind, Metadata};
use crate::exchange::{Exchange, Settings};
use crate::field::accept_encoding::{AcceptEncoding, Coding};
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
    pub(super) storage: Storage,
}

/// How a representation is stored.
pub(super) enum Storage {
    /// As it is.
    AsIs,
    /// Not in its coding: it is coded while it is sent. The file itself is this representation, if the
    /// client takes it.
    Uncoded(Option<Representation>),
}

impl<F> Selected<F> {
    /// The representation that parts are of, if it has any: the file itself, where the whole is coded
    /// on the fly.
    pub(super) fn of_parts(&self) -> Option<&Representation> {
        match &self.storage {
            Storage::AsIs => Some(&self.representation),
            Storage::Uncoded(file) => file.as_ref(),
        }
    }

    /// Selects that representation.
    pub(super) fn in_parts(self) -> Self {
        match self.storage {
            Storage::Uncoded(Some(representation)) => Self {
                file: self.file,
                representation,
                coding: Coding::Identity,
                storage: Storage::AsIs,
            },
            _ => self,
        }
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
    let mut siblings = available.len();
    let worth_it =
        representation.length >= LEAST_COMPRESSED && media_type::is_compressible(media_type);
    let takes_the_file = accept.accepts(Coding::Identity);
    if worth_it || !takes_the_file {
        available.push(Coding::Gzip);
    }
    available.push(Coding::Identity);

    let coding = loop {
        let coding = accept
            .negotiate(&available)
            .ok_or(Rejection::NotAcceptable)?;
        let of_it = available[..siblings].iter().position(|it| *it == coding);
        let Some(position) = of_it else { break coding };
        if let Ok(file) = directory.open(&sibling(path, coding))
            && let Ok(representation) = Representation::of(&file, now)
        {
            return Ok(Selected {
                representation,
                file,
                coding,
                storage: Storage::AsIs,
            });
        }
        // It can't be read, or is gone by now.
        available.remove(position);
        siblings -= 1;
    };
    let Some(name) = coding.name() else {
        return Ok(Selected {
            file,
            representation,
            coding,
            storage: Storage::AsIs,
        });
    };
    let entity_tag = representation.entity_tag.coded(name);
    Ok(Selected {
        file,
        representation: Representation {
            entity_tag,
            ..representation
        },
        coding,
        storage: Storage::Uncoded(takes_the_file.then_some(representation)),
    })
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
