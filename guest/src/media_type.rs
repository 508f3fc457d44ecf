//! Media types by file extension.

/// The media type of the file at `path`; text comes with its charset, the unknown is
/// `application/octet-stream`.
#[must_use]
pub fn of(path: &str) -> String {
    let Some(media_type) = mime_guess::from_path(path).first_raw() else {
        return "application/octet-stream".to_owned();
    };
    let charset = if media_type.starts_with("text/") {
        "; charset=utf-8"
    } else {
        ""
    };
    [media_type, charset].concat()
}

/// Whether content of this media type usually becomes smaller when coded.
#[must_use]
pub fn is_compressible(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or(media_type);
    essence.starts_with("text/")
        || essence.ends_with("+json")
        || essence.ends_with("+xml")
        || matches!(
            essence,
            "application/javascript"
                | "application/json"
                | "application/manifest+json"
                | "application/rtf"
                | "application/wasm"
                | "application/xml"
                | "application/x-sh"
                | "application/x-tar"
                | "font/otf"
                | "font/ttf"
                | "image/bmp"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_by_extension() {
        for (name, expected) in [
            ("a.txt", "text/plain; charset=utf-8"),
            ("a.TXT", "text/plain; charset=utf-8"),
            ("a.html", "text/html; charset=utf-8"),
            ("a.css", "text/css; charset=utf-8"),
            ("a.js", "text/javascript; charset=utf-8"),
            ("a.json", "application/json"),
            ("a.wasm", "application/wasm"),
            ("a.svg", "image/svg+xml"),
            ("a.png", "image/png"),
            ("a.mp4", "video/mp4"),
            ("a.tar.gz", "application/gzip"),
            ("a", "application/octet-stream"),
            ("a.", "application/octet-stream"),
            ("a.unknown", "application/octet-stream"),
            ("txt", "application/octet-stream"),
            (".txt", "application/octet-stream"),
            ("a/.b.txt", "text/plain; charset=utf-8"),
            ("a.txt/b", "application/octet-stream"),
            ("a.txt/.html", "application/octet-stream"),
        ] {
            assert_eq!(of(name), expected, "{name}");
        }
    }

    #[test]
    fn only_what_shrinks_is_compressible() {
        for (name, expected) in [
            ("a.html", true),
            ("a.svg", true),
            ("a.json", true),
            ("a.png", false),
            ("a.gz", false),
            ("a", false),
        ] {
            assert_eq!(is_compressible(&of(name)), expected, "{name}");
        }
    }
}
