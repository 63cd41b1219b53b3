//! The read-only API: the register as JSON, with the same objects as the CLI's `--json`.
//!
//! [`ROUTES`] is the one list from which the routes, the parameters that each takes, and the description at
//! `/api/v1/openapi.json` are made, so that they cannot differ.

mod asked;
mod drifts;
mod items;
mod journal;
mod links;
mod milestones;
mod openapi;
mod schema;
mod systems;

use std::sync::Arc;

use axum::Router;
use axum::response::Response;
use axum::routing::{MethodRouter, get};

use super::Web;
use super::auth::OPEN;
use super::error::Problem;
use crate::register::{LinkPhase, MilestoneState, Status};

/// What a handler gives.
type Answer = Result<Response, Problem>;

/// One route of the API.
struct Route {
    /// Below `/api/v1`.
    path: &'static str,
    /// Its name in the description: unique, and what generated clients call it.
    name: &'static str,
    /// One line.
    about: &'static str,
    /// What its query may hold; anything else is refused.
    query: &'static [Param],
    /// What it gives: an object of [`schema`], or pages of them.
    gives: Gives,
    /// Its handler.
    serve: fn() -> MethodRouter<Arc<Web>>,
}

/// What a route gives.
#[derive(Clone, Copy)]
enum Gives {
    One(&'static str),
    Pages(&'static str),
}

/// A parameter of a query.
struct Param {
    name: &'static str,
    about: &'static str,
    kind: Kind,
}

/// What a parameter may be.
enum Kind {
    Text,
    Number,
    Flag,
    /// A time, or a day.
    Since,
    /// Some of these words, with commas between.
    Words(fn() -> Vec<&'static str>),
}

const AFTER: Param = Param { name: "after", about: "The `next` of the page before.", kind: Kind::Text };
const LIMIT: Param =
    Param { name: "limit", about: "How many at most: 1 to 1000, 100 if not given.", kind: Kind::Number };
const OWNER: Param = Param { name: "owner", about: "Only those of this person.", kind: Kind::Text };
const OPEN_ONLY: Param = Param { name: "open", about: "Only those that are not over yet.", kind: Kind::Flag };

/// Every route behind a token.
const ROUTES: &[Route] = &[
    Route {
        path: "/systems",
        name: "systems",
        about: "The systems that the token opens.",
        query: &[],
        gives: Gives::Pages("System"),
        serve: || get(systems::list),
    },
    Route {
        path: "/systems/{system}",
        name: "system",
        about: "One system with its counts.",
        query: &[],
        gives: Gives::One("System"),
        serve: || get(systems::one),
    },
    Route {
        path: "/systems/{system}/items",
        name: "items",
        about: "Items in the order in which they came.",
        query: &[
            Param { name: "status", about: "Only those in these statuses.", kind: Kind::Words(statuses) },
            OWNER,
            Param { name: "text", about: "Only those with this in number or title.", kind: Kind::Text },
            AFTER,
            LIMIT,
        ],
        gives: Gives::Pages("Item"),
        serve: || get(items::list),
    },
    Route {
        path: "/systems/{system}/items/{number}",
        name: "item",
        about: "One item with its milestones, evidence, open drifts and open conflicts.",
        query: &[],
        gives: Gives::One("ItemDetail"),
        serve: || get(items::one),
    },
    Route {
        path: "/systems/{system}/milestones",
        name: "milestones",
        about: "Milestones with their moves, by number.",
        query: &[
            Param { name: "state", about: "Only those in these states.", kind: Kind::Words(states) },
            OWNER,
            Param { name: "item", about: "Only those that serve this item.", kind: Kind::Text },
            AFTER,
            LIMIT,
        ],
        gives: Gives::Pages("Milestone"),
        serve: || get(milestones::list),
    },
    Route {
        path: "/systems/{system}/milestones/{number}",
        name: "milestone",
        about: "One milestone with its deadline, proofs, open drifts, open conflicts and link.",
        query: &[],
        gives: Gives::One("MilestoneDetail"),
        serve: || get(milestones::one),
    },
    Route {
        path: "/systems/{system}/moves",
        name: "moves",
        about: "Moves of due dates, oldest first.",
        query: &[
            Param {
                name: "since",
                about: "Only those made at this time or later; a day begins in the system's zone.",
                kind: Kind::Since,
            },
            AFTER,
            LIMIT,
        ],
        gives: Gives::Pages("Move"),
        serve: || get(milestones::moves),
    },
    Route {
        path: "/systems/{system}/drifts",
        name: "drifts",
        about: "Drifts by number, settled ones too.",
        query: &[OPEN_ONLY, AFTER, LIMIT],
        gives: Gives::Pages("Drift"),
        serve: || get(drifts::list),
    },
    Route {
        path: "/systems/{system}/conflicts",
        name: "conflicts",
        about: "Conflicts by number, resolved ones too.",
        query: &[OPEN_ONLY, AFTER, LIMIT],
        gives: Gives::Pages("Conflict"),
        serve: || get(drifts::conflicts),
    },
    Route {
        path: "/systems/{system}/links",
        name: "links",
        about: "Milestones and their tickets, by milestone.",
        query: &[
            Param { name: "phase", about: "Only those in these phases.", kind: Kind::Words(phases) },
            Param { name: "tracker", about: "Only those on this tracker.", kind: Kind::Text },
            Param { name: "failing", about: "Only those whose last attempt failed.", kind: Kind::Flag },
            AFTER,
            LIMIT,
        ],
        gives: Gives::Pages("Link"),
        serve: || get(links::list),
    },
    Route {
        path: "/systems/{system}/notices",
        name: "notices",
        about: "Messages to tickets, by number.",
        query: &[AFTER, LIMIT],
        gives: Gives::Pages("Notice"),
        serve: || get(links::notices),
    },
    Route {
        path: "/systems/{system}/journal",
        name: "journal",
        about: "Rows of the journal, oldest first, byte for byte as they are hashed.",
        query: &[AFTER, LIMIT],
        gives: Gives::Pages("Entry"),
        serve: || get(journal::list),
    },
];

fn statuses() -> Vec<&'static str> {
    Status::ALL.into_iter().map(Status::name).collect()
}

fn states() -> Vec<&'static str> {
    MilestoneState::ALL.into_iter().map(MilestoneState::name).collect()
}

/// Every phase of a link.
const PHASES: [LinkPhase; 4] =
    [LinkPhase::Waiting, LinkPhase::Creating, LinkPhase::Linked, LinkPhase::Missing];

fn phases() -> Vec<&'static str> {
    PHASES.into_iter().map(LinkPhase::name).collect()
}

/// The routes of the API, and its description.
pub(super) fn routes() -> Router<Arc<Web>> {
    ROUTES.iter().fold(Router::new().route(OPEN, get(openapi::serve)), |router, route| {
        router.route(&full(route.path), (route.serve)())
    })
}

/// A route's whole path.
fn full(path: &str) -> String {
    format!("/api/v1{path}")
}
