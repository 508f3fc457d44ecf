//! Method and request target to [`Route`].

use crate::rejection::Rejection;
use percent_encoding::percent_decode_str;

/// A request method (RFC 9110 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET
    Get,
    /// HEAD
    Head,
    /// POST
    Post,
    /// PUT
    Put,
    /// DELETE
    Delete,
    /// OPTIONS
    Options,
    /// TRACE or PATCH: known, but allowed nowhere.
    Refused,
    /// CONNECT, which an origin server does not implement, or a method nobody knows.
    NotImplemented,
}

impl Method {
    /// Whether it asks for a change: it is not safe (RFC 9110 9.2.1).
    pub(crate) fn changes(self) -> bool {
        matches!(self, Self::Post | Self::Put | Self::Delete)
    }
}

/// What a request asks for. HEAD takes the route of GET; its content is withheld at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route<'a> {
    /// `/`: what this server is.
    Root,
    /// `/echo/{text}`: the still encoded text.
    EchoText(&'a str),
    /// `/echo`: the request's content, streamed back.
    EchoContent,
    /// `/user-agent`
    UserAgent,
    /// GET of `/files/{path}`: the still encoded path, and the query with its `?`.
    Read {
        /// What follows `/files/`; [`None`] for `/files` itself.
        path: Option<&'a str>,
        /// The query, `?` included, or nothing.
        query: &'a str,
    },
    /// POST of `/files/{path}`.
    Create(&'a str),
    /// PUT of `/files/{path}`.
    Replace(&'a str),
    /// DELETE of `/files/{path}`.
    Delete(&'a str),
    /// OPTIONS: the methods of the target, or nothing for `*`.
    Options(Option<Allow>),
}

/// The methods a target answers, as the value of an Allow field (RFC 9110 10.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allow(pub &'static str);

const READ: Allow = Allow("GET, HEAD, OPTIONS");
const CONTENT: Allow = Allow("POST, PUT, OPTIONS");
const FILE: Allow = Allow("GET, HEAD, PUT, POST, DELETE, OPTIONS");

/// Finds the route of `target`, the path and query of a request target in origin-form,
/// or `*` (RFC 9112 3.2).
///
/// # Errors
///
/// 404 for an unknown target, 405 for a method the target does not answer,
/// 501 for a method nobody knows.
pub fn route(method: Method, target: &str) -> Result<Route<'_>, Rejection> {
    use Method::{Delete, Get, Head, NotImplemented, Options, Post, Put};

    if method == NotImplemented {
        return Err(Rejection::NotImplemented);
    }
    let (path, query) = target.split_at(target.find('?').unwrap_or(target.len()));
    if path == "*" {
        return match method {
            Options => Ok(Route::Options(None)),
            _ => Err(Rejection::AsteriskForm),
        };
    }
    let path = match path.strip_prefix('/') {
        Some(path) => path,
        // The host may hand on an empty path of an absolute-form target as it came.
        None if path.is_empty() => path,
        None => return Err(Rejection::NoSuchTarget),
    };
    let (first, rest) = match path.split_once('/') {
        Some((first, rest)) => (first, Some(rest)),
        None => (path, None),
    };
    // A character is the same target encoded or not (RFC 9110 4.2.3).
    let Ok(first) = percent_decode_str(first).decode_utf8() else {
        return Err(Rejection::NoSuchTarget);
    };
    let reads = matches!(method, Get | Head);
    let (allow, route) = match (&*first, rest) {
        ("", None) => (READ, reads.then_some(Route::Root)),
        ("user-agent", None) => (READ, reads.then_some(Route::UserAgent)),
        ("echo", None) => (
            CONTENT,
            matches!(method, Post | Put).then_some(Route::EchoContent),
        ),
        ("echo", Some(text)) => (READ, reads.then_some(Route::EchoText(text))),
        // The mapping itself can be read, and nothing else; content to it is refused as content
        // to any directory is.
        ("files", path @ (None | Some(""))) => {
            let route = match method {
                Get | Head => Some(Route::Read { path, query }),
                Post | Put => {
                    return Err(
                        path.map_or(Rejection::IsDirectory, |_| Rejection::ContentToDirectory)
                    );
                }
                _ => None,
            };
            (READ, route)
        }
        ("files", Some(path)) => {
            let route = match method {
                Get | Head => Some(Route::Read {
                    path: Some(path),
                    query,
                }),
                Post => Some(Route::Create(path)),
                Put => Some(Route::Replace(path)),
                Delete => Some(Route::Delete(path)),
                _ => None,
            };
            (FILE, route)
        }
        _ => return Err(Rejection::NoSuchTarget),
    };
    match route {
        Some(route) => Ok(route),
        None if method == Options => Ok(Route::Options(Some(allow))),
        None => Err(Rejection::MethodNotAllowed(allow)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_of_the_contract() {
        let read = |path, query| Ok(Route::Read { path, query });
        for (method, target, expected) in [
            (Method::Get, "/", Ok(Route::Root)),
            (Method::Head, "/?a=b", Ok(Route::Root)),
            (Method::Get, "", Ok(Route::Root)),
            (Method::Get, "?q=1", Ok(Route::Root)),
            (Method::Post, "/", Err(Rejection::MethodNotAllowed(READ))),
            (Method::Options, "/", Ok(Route::Options(Some(READ)))),
            (Method::Options, "*", Ok(Route::Options(None))),
            (Method::Get, "*", Err(Rejection::AsteriskForm)),
            (Method::Get, "/echo/a/b?c", Ok(Route::EchoText("a/b"))),
            (Method::Get, "/echo/", Ok(Route::EchoText(""))),
            (
                Method::Get,
                "/echo",
                Err(Rejection::MethodNotAllowed(CONTENT)),
            ),
            (
                Method::Post,
                "/echo/a",
                Err(Rejection::MethodNotAllowed(READ)),
            ),
            (Method::Post, "/echo", Ok(Route::EchoContent)),
            (Method::Put, "/echo", Ok(Route::EchoContent)),
            (Method::Options, "/echo", Ok(Route::Options(Some(CONTENT)))),
            (Method::Get, "/user-agent", Ok(Route::UserAgent)),
            (Method::Get, "/user-agent/", Err(Rejection::NoSuchTarget)),
            (Method::Get, "/files", read(None, "")),
            (Method::Get, "/files/?a", read(Some(""), "?a")),
            (Method::Get, "/files/a?b", read(Some("a"), "?b")),
            (Method::Head, "/files/a/b", read(Some("a/b"), "")),
            (Method::Post, "/files/a", Ok(Route::Create("a"))),
            (Method::Put, "/files/a?b", Ok(Route::Replace("a"))),
            (Method::Delete, "/files/a", Ok(Route::Delete("a"))),
            (Method::Options, "/files/a", Ok(Route::Options(Some(FILE)))),
            (
                Method::Refused,
                "/files/a",
                Err(Rejection::MethodNotAllowed(FILE)),
            ),
            (
                Method::Delete,
                "/files/",
                Err(Rejection::MethodNotAllowed(READ)),
            ),
            (
                Method::Delete,
                "/files",
                Err(Rejection::MethodNotAllowed(READ)),
            ),
            (Method::Post, "/files/", Err(Rejection::ContentToDirectory)),
            (Method::Put, "/files", Err(Rejection::IsDirectory)),
            (Method::Get, "/filesystem", Err(Rejection::NoSuchTarget)),
            (Method::Get, "//files/a", Err(Rejection::NoSuchTarget)),
            (Method::Get, "/nope", Err(Rejection::NoSuchTarget)),
            // RFC 9110 4.2.3.
            (Method::Get, "/%65cho/%61", Ok(Route::EchoText("%61"))),
            (Method::Get, "/user%2Dagent", Ok(Route::UserAgent)),
            (Method::Get, "/%66%69les/a", read(Some("a"), "")),
            (Method::Get, "/files%2Fa", Err(Rejection::NoSuchTarget)),
            (Method::Get, "/%2565cho/a", Err(Rejection::NoSuchTarget)),
            (Method::Get, "/%ff/a", Err(Rejection::NoSuchTarget)),
            (Method::Get, "files/a", Err(Rejection::NoSuchTarget)),
            (Method::Options, "/nope", Err(Rejection::NoSuchTarget)),
            (
                Method::NotImplemented,
                "/nope",
                Err(Rejection::NotImplemented),
            ),
        ] {
            assert_eq!(route(method, target), expected, "{method:?} {target}");
        }
    }
}
