//! Route to handler: one match.

mod delete;
mod echo;
mod files;
mod listing;
mod parents;
mod select;
mod sweep;
mod turn;
mod upload;
mod user_agent;

use crate::directory::Directory;
use crate::exchange::Exchange;
use crate::outcome::{Content, Outcome, Status};
use crate::rejection::Rejection;
use crate::router::{Method, Route, route};
use crate::site;

/// The open files of an exchange's directory.
pub type FileOf<X> = <<X as Exchange>::Directory as Directory>::File;

/// An outcome, or the reason there is none.
type Handled<X> = Result<Outcome<FileOf<X>>, Rejection>;

/// Decides what to answer. An upload is received on the way.
pub fn handle<X: Exchange>(exchange: &X) -> Outcome<FileOf<X>> {
    let method = exchange.method();
    let outcome = route(method, exchange.target())
        .and_then(|route| dispatch(exchange, route))
        .map_err(|rejection| match rejection {
            // Preconditions are for what would succeed without them (RFC 9110 13.2.1).
            Rejection::PreconditionFailed if method.changes() && is_read_only(exchange) => {
                Rejection::Forbidden
            }
            rejection => rejection,
        })
        .unwrap_or_else(|rejection| {
            match &rejection {
                Rejection::Storage(cause) => exchange.report(cause),
                Rejection::InsufficientStorage => exchange.report("no space is left"),
                _ => {}
            }
            rejection.into_outcome()
        });
    if method == Method::Head {
        outcome.withhold_content()
    } else {
        outcome
    }
}

fn dispatch<X: Exchange>(exchange: &X, route: Route<'_>) -> Handled<X> {
    match route {
        Route::Root => Ok(root()),
        Route::EchoText(text) => echo::text(exchange, text),
        Route::EchoContent => Ok(echo::content(exchange)),
        Route::UserAgent => Ok(user_agent::user_agent(exchange)),
        Route::Read { path, query } => files::read(exchange, path, query),
        Route::Create(_) | Route::Replace(_) | Route::Delete(_)
            if site::is_another(exchange.fields(), || exchange.authority()) =>
        {
            Err(Rejection::AnotherSite)
        }
        Route::Create(path) => upload::create(exchange, path),
        Route::Replace(path) => upload::replace(exchange, path),
        Route::Delete(path) => delete::delete(exchange, path),
        Route::Options(None) => Ok(Outcome::empty(Status::NO_CONTENT)),
        Route::Options(Some(allow)) => {
            Ok(Outcome::empty(Status::NO_CONTENT).field("allow", allow.0))
        }
    }
}

fn is_read_only<X: Exchange>(exchange: &X) -> bool {
    exchange.directory().is_some_and(|it| it.is_read_only())
}

/// What this server is, and what it answers.
fn root<F>() -> Outcome<F> {
    const TEXT: &str = concat!(
        "http-server ",
        env!("CARGO_PKG_VERSION"),
        "\n",
        "GET /                  this page\n",
        "GET /echo/{text}       the text\n",
        "POST /echo             the request's content; so does PUT\n",
        "GET /user-agent        the request's User-Agent\n",
        "GET /files/{path}      a file, or the list of a directory\n",
        "PUT /files/{path}      stores a file; so does POST\n",
        "DELETE /files/{path}   removes it\n",
    );
    Outcome {
        content: Content::Bytes(TEXT.into()),
        ..Outcome::empty(Status::OK)
    }
    .field("content-type", "text/plain")
}

#[cfg(test)]
mod tests;
